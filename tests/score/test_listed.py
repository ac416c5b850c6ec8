"""An output in a bucket is what its card lists: the earlier one until the card turns, and never both."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError, PlatformError
from pipeline.score.draft import ListedDraft, OutputDraft, check_place, output_draft
from pipeline.score.publication import CARD, ScoreCard
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root, open_root


@pytest.fixture
def output(bucket, s3_server) -> Root:
    before = len(s3_server.copies)
    yield open_root(f"{bucket}/team/scored")
    assert s3_server.copies[before:] == [], "nothing is renamed"


def card() -> ScoreCard:
    return ScoreCard(
        model_version="m-1", model="s3a://m", sha256="0", source="t.csv", format="parquet", rows=1, quarantined=0
    )


def write(draft: OutputDraft, text: str, *, bad: str = "") -> list[str]:
    name = f"{draft.prefix}-00000.parquet"
    files.write_bytes(draft.rows.within(name), text.encode())
    if bad:
        files.write_bytes(draft.aside.within(name), bad.encode())
    return [name]


def publish(output: Root, text: str, *, bad: str = "", replace: bool = False) -> None:
    check_place(output, replace=replace)
    with output_draft(output) as draft:
        names = write(draft, text, bad=bad)
        draft.publish(names, card(), set_aside=bool(bad), replace=replace)


def listed(output: Root) -> list[str]:
    """What who trusts the card reads."""
    found = ScoreCard.from_json(files.read_bytes(output.within(CARD)), CARD).files
    contents = {name: files.read_bytes(output.within(name)) for name in found}
    assert {name: len(content) for name, content in contents.items()} == found
    return sorted(content.decode() for content in contents.values())


def test_the_earlier_output_is_what_the_card_lists_until_it_turns(output):
    publish(output, "one", bad="line 1")
    with pytest.raises(ConfigError, match=r"scored' is there already\. Allowed: a free place\. Set score.output"):
        check_place(output, replace=False)
    with output_draft(output) as draft:
        names = write(draft, "two")
        assert listed(output) == ["line 1", "one"]
        draft.publish(names, card(), set_aside=False, replace=True)
    assert listed(output) == ["two"]
    assert files.list_files(output) == [CARD, *names]


def test_a_scoring_that_fails_deletes_what_it_wrote_and_one_that_is_killed_is_in_nobody_s_way(output):
    publish(output, "one")
    with pytest.raises(ValueError, match="boom"), output_draft(output) as draft:
        write(draft, "two", bad="line 2")
        raise ValueError("boom")
    assert len(files.list_files(output)) == 2
    killed = ListedDraft(output, "0" * 32)
    write(killed, "three", bad="line 3")
    write(ListedDraft(killed.parts, "0" * 32), "in another format")
    assert listed(output) == ["one"]
    publish(output, "four", replace=True)
    assert listed(output) == ["four"]
    assert len(files.list_files(output)) == 2


def test_what_a_first_scoring_left_when_it_was_killed_is_no_output(output):
    write(ListedDraft(output, "0" * 32), "half")
    assert not files.exists(output.within(CARD))
    publish(output, "whole")
    assert listed(output) == ["whole"]


def test_of_two_jobs_that_write_at_once_one_is_told(output):
    with output_draft(output) as slower, pytest.raises(ConfigError, match=r"parquet' is gone .* another job writes"):
        names = write(slower, "slower")
        publish(output, "faster")
        slower.publish(names, card(), set_aside=False, replace=True)
    assert listed(output) == ["faster"]
    with output_draft(output) as late, pytest.raises(ConfigError, match="is there already"):
        late.publish(write(late, "late"), card(), set_aside=False, replace=False)
    assert listed(output) == ["faster"]


@pytest.mark.parametrize("replace", [True, False])
def test_what_is_no_output_is_never_replaced(output, replace):
    files.write_bytes(output.within("thesis.txt"), b"years of work")
    with pytest.raises(ConfigError, match=r"no output of a scoring" if replace else "is there already"):
        check_place(output, replace=replace)
    assert files.list_files(output) == ["thesis.txt"]


def test_a_bucket_that_is_not_there_is_named_before_anything_is_done(output):
    with pytest.raises(PlatformError, match=r"score\.output 's3a://nowhere/scored' .* there is no bucket 'nowhere'"):
        check_place(open_root("s3a://nowhere/scored"), replace=True)
