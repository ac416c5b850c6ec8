"""A folder appears complete or not at all, whatever is cut off where."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.store import filesystem as files
from pipeline.store import publish
from pipeline.store.filesystem import Root, open_root
from pipeline.store.publish import publish_instead, publish_once, recover_previous, scratch

MARKER = "manifest.json"


@pytest.fixture
def root(tmp_path) -> Root:
    return open_root(str(tmp_path))


def folder(root: Root, name: str, text: str, *, complete: bool = True) -> Root:
    place = root.within(name)
    files.write_bytes(place.within("rows"), text.encode())
    if complete:
        files.write_bytes(place.within(MARKER), b"{}")
    return place


def text_of(place: Root) -> str:
    return files.read_bytes(place.within("rows")).decode()


def test_the_first_one_wins(root):
    target = root.within("stores", "s")
    assert publish_once(folder(root, "a", "first"), target, MARKER)
    assert not publish_once(folder(root, "b", "second"), target, MARKER)
    assert text_of(target) == "first"


def test_an_incomplete_folder_is_replaced(root):
    target = folder(root, "s", "half", complete=False)
    assert publish_once(folder(root, "a", "whole"), target, MARKER)
    assert text_of(target) == "whole"


def test_losing_the_race_is_no_error(root, monkeypatch):
    target, moved = root.within("s"), files.move

    def slower(source: Root, place: Root) -> None:
        moved(folder(root, "other", "theirs"), target)
        raise OSError("not empty")

    monkeypatch.setattr(publish.files, "move", slower)
    assert not publish_once(folder(root, "a", "ours"), target, MARKER)
    assert text_of(target) == "theirs"


def test_a_failing_rename_is_an_error(root, monkeypatch):
    def refuse(source: Root, place: Root) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(publish.files, "move", refuse)
    with pytest.raises(PermissionError):
        publish_once(folder(root, "a", "ours"), root.within("s"), MARKER)


def test_a_successor_takes_the_place(root):
    target = folder(root, "model", "old")
    publish_instead(folder(root, "a", "new"), target)
    assert text_of(target) == "new"
    assert sorted(path.name for path in Path(root.path).iterdir()) == ["model"]


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_cut_off_between_any_two_renames_one_of_the_two_is_left(root, monkeypatch, renames):
    target, moved, done = folder(root, "model", "old"), files.move, []

    def cut_off(source: Root, place: Root) -> None:
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(place)
        moved(source, place)

    monkeypatch.setattr(publish.files, "move", cut_off)
    if renames < 2:
        with pytest.raises(KeyboardInterrupt):
            publish_instead(folder(root, "a", "new"), target)
    else:
        publish_instead(folder(root, "a", "new"), target)
    monkeypatch.undo()
    recover_previous(target)
    assert text_of(target) == ("old" if renames < 2 else "new")
    assert files.exists(target.within(MARKER))


def test_recovery_keeps_the_successor_when_it_is_there(root):
    target = folder(root, "model", "new")
    folder(root, "model.previous", "old")
    recover_previous(target)
    assert text_of(target) == "new"
    assert not files.exists(root.within("model.previous"))


def test_scratch_is_gone_after_a_failure(root):
    with pytest.raises(ValueError, match="boom"), scratch(root) as work:
        files.write_bytes(work.within("deep", "er"), b"x")
        raise ValueError("boom")
    assert files.list_files(root) == []


def test_two_scratch_folders_are_two(root):
    with scratch(root) as one, scratch(root) as two:
        assert one.path != two.path
