"""An output in a bucket is what its card lists: the earlier one until the card turns, and never both."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from pipeline.errors import ConfigError, PlatformError
from pipeline.scoring import draft as draft_module
from pipeline.scoring import listed as listed_module
from pipeline.scoring.draft import ListedDraft, OutputDraft, check_writable, output_draft
from pipeline.scoring.publication import CARD, ScoreCard
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path


@pytest.fixture(scope="module")
def token_of_ended() -> str:
    """As a process of this host had it that has ended."""
    command = "from pipeline.scoring.listed import new_token; print(new_token())"
    return subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def output(bucket, s3_server) -> StoragePath:
    before = len(s3_server.copies)
    yield storage_path(f"{bucket}/team/scored")
    assert s3_server.copies[before:] == [], "nothing is renamed"


def card() -> ScoreCard:
    return ScoreCard(
        model_version="m-1", model="s3a://m", sha256="0", source="t.csv", format="parquet", rows=1, quarantined=0
    )


def write(draft: OutputDraft, text: str, *, bad: str = "") -> list[str]:
    name = f"{draft.prefix}-00000.parquet"
    files.write_bytes(draft.rows.child(name), text.encode())
    if bad:
        files.write_bytes(draft.aside.child(name), bad.encode())
    return [name]


def publish(output: StoragePath, text: str, *, bad: str = "", replace: bool = False) -> None:
    check_writable(output, replace=replace)
    with output_draft(output) as draft:
        names = write(draft, text, bad=bad)
        draft.publish(names, card(), set_aside=names if bad else [], replace=replace)


def listed(output: StoragePath) -> list[str]:
    """What who trusts the card reads."""
    found = ScoreCard.from_json(files.read_bytes(output.child(CARD)), CARD).files
    contents = {name: files.read_bytes(output.child(name)) for name in found}
    assert {name: len(content) for name, content in contents.items()} == found
    return sorted(content.decode() for content in contents.values())


def test_the_earlier_output_is_what_the_card_lists_until_it_turns(output):
    publish(output, "one", bad="line 1")
    with pytest.raises(ConfigError, match=r"scored' already exists\. Choose another score\.output"):
        check_writable(output, replace=False)
    with output_draft(output) as draft:
        names = write(draft, "two")
        assert listed(output) == ["line 1", "one"]
        draft.publish(names, card(), set_aside=[], replace=True)
    assert listed(output) == ["two"]
    assert files.list_files(output) == [CARD, *names]


def test_a_scoring_that_fails_deletes_what_it_wrote_and_one_that_is_killed_is_in_nobody_s_way(output, token_of_ended):
    publish(output, "one")
    with pytest.raises(ValueError, match="boom"), output_draft(output) as draft:
        write(draft, "two", bad="line 2")
        raise ValueError("boom")
    assert len(files.list_files(output)) == 2
    killed = ListedDraft(output, token_of_ended)
    write(killed, "three", bad="line 3")
    write(ListedDraft(killed.parts, token_of_ended), "in another format")
    assert listed(output) == ["one"]
    publish(output, "four", replace=True)
    assert listed(output) == ["four"]
    assert len(files.list_files(output)) == 2


def test_what_a_first_scoring_left_when_it_was_killed_is_no_output(output):
    write(ListedDraft(output, "0" * 32), "half")
    assert not files.exists(output.child(CARD))
    publish(output, "whole")
    assert listed(output) == ["whole"]


def test_jobs_that_write_at_once_leave_one_whole_output(output, monkeypatch):
    """Whoever publishes last, also where the other one does so between its last look and its card."""
    with output_draft(output) as slower:
        names = write(slower, "slower", bad="line 1")
        publish(output, "faster")
        assert listed(output) == ["faster"]
        real = files.write_atomically

        def overtaken(place: StoragePath, content: bytes) -> None:
            monkeypatch.setattr(listed_module.files, "write_atomically", real)
            publish(output, "between", replace=True)
            real(place, content)

        monkeypatch.setattr(listed_module.files, "write_atomically", overtaken)
        slower.publish(names, card(), set_aside=names, replace=True)
    assert listed(output) == ["line 1", "slower"]
    with output_draft(output) as late, pytest.raises(ConfigError, match="already exists"):
        late.publish(write(late, "late"), card(), set_aside=[], replace=False)
    assert listed(output) == ["line 1", "slower"]


def test_a_job_whose_files_or_card_are_gone_is_told(output, monkeypatch):
    with (
        pytest.raises(ConfigError, match=r"parquet' is missing from .* another job writes"),
        output_draft(output) as draft,
    ):
        draft.publish(["part-x.parquet"], card(), set_aside=[], replace=True)
    real = files.remove_file

    def overtaken(place: StoragePath) -> None:
        monkeypatch.setattr(listed_module.files, "remove_file", real)
        real(place)
        publish(output, "other", replace=True)

    publish(output, "one")
    with pytest.raises(ConfigError, match=r"is missing from .* another job writes"), output_draft(output) as draft:
        monkeypatch.setattr(listed_module.files, "remove_file", overtaken)
        draft.publish(write(draft, "two"), card(), set_aside=[], replace=True)
    assert listed(output) == ["other"]
    assert len(files.list_files(output)) == 2


@pytest.mark.parametrize("step", ["write_atomically", "remove_file", "remove_folder"])
def test_a_job_that_fails_after_the_card_turned_deletes_nothing_that_it_lists(output, monkeypatch, step):
    publish(output, "one")
    real = getattr(files, step)

    def broken(*arguments: object) -> None:
        real(*arguments)
        monkeypatch.setattr(draft_module.files, step, real)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), output_draft(output) as draft:
        names = write(draft, "two", bad="line 2")
        monkeypatch.setattr(draft_module.files, step, broken)
        draft.publish(names, card(), set_aside=names, replace=True)
    assert listed(output) == ["line 2", "two"]


def test_files_of_a_scoring_that_may_run_stay_and_are_told(output, caplog):
    name = write(ListedDraft(output, "0" * 32), "of another host")[0]
    files.write_bytes(output.child(CARD), card().to_json().encode())
    files.write_bytes(output.child("part-00000.parquet"), b"copied from a folder, whose card lists no files")
    with caplog.at_level(logging.WARNING, "pipeline.scoring"):
        publish(output, "one", replace=True)
    assert listed(output) == ["one"]
    assert len(files.list_files(output)) == 3
    assert f"lie files of scorings that run still or were killed: 1, '{name}' among them" in caplog.text


@pytest.mark.parametrize("replace", [True, False])
def test_what_is_no_output_is_never_replaced(output, replace):
    files.write_bytes(output.child("thesis.txt"), b"years of work")
    with pytest.raises(ConfigError, match=r"is not the output of a scoring run" if replace else "already exists"):
        check_writable(output, replace=replace)
    assert files.list_files(output) == ["thesis.txt"]


def test_a_bucket_that_is_not_there_is_named_before_anything_is_done(output):
    with pytest.raises(PlatformError, match=r"score\.output 's3a://nowhere/scored' .* there is no bucket 'nowhere'"):
        check_writable(storage_path("s3a://nowhere/scored"), replace=True)
