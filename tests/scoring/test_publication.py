"""An output is whole or absent; the earlier one stays until the new one is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import fs

from pipeline.errors import ConfigError, StoreError
from pipeline.scoring.publication import CARD, ScoreCard, check_output, close_work, publish_output, work_folder
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.publish import scratch


def card(rows: int) -> ScoreCard:
    return ScoreCard(
        model_version="m-1", model="file:/m", sha256="0", source="t.csv", format="csv", rows=rows, quarantined=0
    )


def test_a_card_that_was_altered_is_refused() -> None:
    text = card(7).to_json()
    assert ScoreCard.from_json(text, CARD) == card(7)
    with pytest.raises(StoreError, match=r"_score\.json was altered: the SHA-256 .* Score into another score\.output"):
        ScoreCard.from_json(text.replace('"rows": 7', '"rows": 8'), CARD)
    content = json.loads(text)
    del content["card_sha256"]
    with pytest.raises(StoreError, match="lacks its own hash, 'card_sha256'"):
        ScoreCard.from_json(json.dumps(content), CARD)
    del content["card_format"]  # as earlier versions wrote it
    assert ScoreCard.from_json(json.dumps(content), CARD) == card(7)


def publish(output: StoragePath, text: str, *, replace: bool = False) -> None:
    check_output(output, replace=replace)
    with scratch(work_folder(output)) as work:
        files.write_bytes(work.child("rows", "part-0"), text.encode())
        publish_output(work.child("rows"), output, card(len(text)), replace=replace)
    close_work(output)


def found(output: StoragePath) -> tuple[str, int]:
    rows = ScoreCard.from_json(files.read_bytes(output.child(CARD)), CARD).rows
    return files.read_bytes(output.child("part-0")).decode(), rows


@pytest.fixture
def output(tmp_path) -> StoragePath:
    return storage_path(str(tmp_path)).child("scored")


def test_an_output_is_never_mixed_with_an_earlier_one(output, tmp_path):
    publish(output, "one")
    with pytest.raises(ConfigError, match=r"scored' already exists\. Choose another score\.output"):
        publish(output, "two!")
    assert found(output) == ("one", 3)
    publish(output, "two!", replace=True)
    assert found(output) == ("two!", 4)
    assert [path.name for path in tmp_path.iterdir()] == ["scored"]


def test_work_lies_beside_an_output_whose_settings_stand_behind_its_path():
    output = StoragePath(
        fs.SubTreeFileSystem("/", fs.LocalFileSystem()), "a/scored", "hdfs://host/a/scored?user=me/you"
    )
    work = work_folder(output)
    assert (work.path, work.uri) == ("a/.scored", "hdfs://host/a/.scored?user=me/you")


def test_an_output_that_came_up_meanwhile_stays(output):
    check_output(output, replace=False)
    publish(output, "theirs")
    with scratch(work_folder(output)) as work, pytest.raises(ConfigError, match="already exists"):
        files.write_bytes(work.child("rows", "part-0"), b"ours")
        publish_output(work.child("rows"), output, card(4), replace=False)
    assert found(output) == ("theirs", 6)


def test_what_is_no_output_is_never_replaced(output):
    files.write_bytes(output.child("thesis.txt"), b"years of work")
    with pytest.raises(
        ConfigError, match=r"is not the output of a scoring run: it has no _score\.json\. Allowed with score.mode"
    ):
        check_output(output, replace=True)
    assert files.read_bytes(output.child("thesis.txt")) == b"years of work"


def elsewhere(tmp_path: Path) -> StoragePath:
    """A file system without an exchange of folders, as HDFS is."""
    below = fs.SubTreeFileSystem(str(tmp_path.parent), fs.LocalFileSystem())
    return StoragePath(below, f"{tmp_path.name}/scored", f"file://{tmp_path}/scored")


def test_without_an_exchange_the_earlier_output_is_moved_aside(tmp_path, output):
    publish(output, "one")
    far = elsewhere(tmp_path)
    assert not far.is_local
    files.write_bytes(output.sibling("-new").child("part-0"), b"two!")
    publish_output(far.sibling("-new"), far, card(4), replace=True)
    assert found(output) == ("two!", 4)
    assert not (tmp_path / ".scored" / "previous").exists()


def test_a_job_that_was_killed_between_two_renames_is_made_good(tmp_path, output):
    publish(output, "one")
    (tmp_path / ".scored").mkdir()
    (tmp_path / "scored").rename(tmp_path / ".scored" / "previous")
    with pytest.raises(ConfigError, match="already exists"):
        check_output(output, replace=False)
    assert found(output) == ("one", 3)


def test_what_a_killed_job_left_is_swept(tmp_path, output):
    import socket

    left = tmp_path / ".scored" / "scratch" / f"{socket.gethostname()}-0.{1 << 30}.0" / "rows"
    left.mkdir(parents=True)
    left.parent.with_name(f"{left.parent.name}.lock").touch()  # which no process holds
    publish(output, "one")
    assert [path.name for path in tmp_path.iterdir()] == ["scored"]
