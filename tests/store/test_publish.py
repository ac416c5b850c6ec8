"""A folder appears complete or not at all, whatever is cut off where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.store import filesystem as files
from pipeline.store import publish
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.publish import publish_once, scratch, sweep_scratch

MARKER = "manifest.json"


@pytest.fixture
def root(tmp_path) -> StoragePath:
    return storage_path(str(tmp_path))


def folder(root: StoragePath, name: str, text: str, *, complete: bool = True) -> StoragePath:
    place = root.child(name)
    files.write_bytes(place.child("rows"), text.encode())
    if complete:
        files.write_bytes(place.child(MARKER), b"{}")
    return place


def text_of(place: StoragePath) -> str:
    return files.read_bytes(place.child("rows")).decode()


def test_the_first_one_wins(root):
    target = root.child("stores", "s")
    assert publish_once(folder(root, "a", "first"), target, MARKER)
    assert not publish_once(folder(root, "b", "second"), target, MARKER)
    assert text_of(target) == "first"


def test_an_incomplete_folder_is_replaced(root):
    target = folder(root, "s", "half", complete=False)
    assert publish_once(folder(root, "a", "whole"), target, MARKER)
    assert text_of(target) == "whole"


def test_losing_the_race_is_no_error(root, monkeypatch):
    target, moved = root.child("s"), files.move

    def slower(source: StoragePath, place: StoragePath) -> None:
        moved(folder(root, "other", "theirs"), target)
        raise OSError("not empty")

    monkeypatch.setattr(publish.files, "move", slower)
    assert not publish_once(folder(root, "a", "ours"), target, MARKER)
    assert text_of(target) == "theirs"


def test_a_failing_rename_is_an_error(root, monkeypatch):
    def refuse(source: StoragePath, place: StoragePath) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(publish.files, "move", refuse)
    with pytest.raises(PermissionError):
        publish_once(folder(root, "a", "ours"), root.child("s"), MARKER)


def test_a_store_that_another_job_completes_meanwhile_stays(root, monkeypatch):
    target, moved = folder(root, "s", "half", complete=False), files.move

    def slower(source: StoragePath, place: StoragePath) -> None:
        monkeypatch.setattr(publish.files, "move", moved)
        files.remove_folder(target)
        moved(folder(root, "other", "theirs"), target)
        moved(source, place)

    monkeypatch.setattr(publish.files, "move", slower)
    assert not publish_once(folder(root, "a", "ours"), target, MARKER)
    assert text_of(target) == "theirs"
    assert sorted(path.name for path in Path(root.path).iterdir()) == ["a", "s"]


def test_scratch_is_gone_after_a_failure(root):
    with pytest.raises(ValueError, match="boom"), scratch(root) as work:
        files.write_bytes(work.child("deep", "er"), b"x")
        raise ValueError("boom")
    assert files.list_files(root) == []


def test_two_scratch_folders_are_two(root):
    with scratch(root) as one, scratch(root) as two:
        assert one.path != two.path


def test_a_scratch_folder_that_cannot_be_removed_does_not_hide_why(root, monkeypatch):
    def refuse(place: StoragePath) -> None:
        raise OSError("not empty")

    monkeypatch.setattr(publish.files, "remove_folder", refuse)
    with pytest.raises(KeyboardInterrupt), scratch(root):
        raise KeyboardInterrupt


def killed(root: StoragePath) -> None:
    """A job that leaves its scratch folder."""
    code = f"""
import os
from pipeline.store.filesystem import storage_path, write_bytes
from pipeline.store.publish import scratch
with scratch(storage_path({root.path!r})) as work:
    write_bytes(work.child("rows"), b"x")
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 9


def test_what_a_killed_job_left_is_swept_and_nothing_else(root, monkeypatch):
    killed(root)
    with scratch(root) as alive:
        files.write_bytes(alive.child("rows"), b"x")
        monkeypatch.setattr(publish.socket, "gethostname", lambda: "another.host")
        sweep_scratch(root)
        assert len(files.list_folders(root.child("scratch"))) == 2
        monkeypatch.undo()
        sweep_scratch(root)
        assert files.list_folders(root.child("scratch")) == [Path(alive.path).name]


def test_a_live_process_keeps_its_scratch_whatever_its_id_seems_to_say(root, monkeypatch):
    """As in containers of one host name, where the process ids of one mean other processes, or none, in another."""
    with scratch(root) as alive:
        files.write_bytes(alive.child("f"), b"1")
        monkeypatch.setattr(publish, "is_running", lambda pid: False)
        sweep_scratch(root)
        assert files.exists(alive.child("f"))
    assert not list(Path(root.path, "scratch").iterdir())


def test_a_container_of_the_same_host_name_is_another_host():
    """For file systems without locks."""
    program = "from pipeline.store.publish import this_host; print(this_host())"
    plain, apart = (
        subprocess.run([*prefix, sys.executable, "-c", program], capture_output=True, text=True, check=False).stdout
        for prefix in ((), ("unshare", "-Urpf"))
    )
    assert plain.strip() == publish.this_host()
    if not apart:
        pytest.skip("this machine makes no containers")
    assert apart != plain


def test_a_lock_whose_folder_was_published_goes_too(root):
    program = f"""
import os, signal
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.publish import scratch
root = storage_path({root.path!r})
with scratch(root) as work:
    files.write_bytes(work.child("f"), b"1")
    files.move(work, root.child("published"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert len(list(Path(root.path, "scratch").iterdir())) == 1
    sweep_scratch(root)
    assert not list(Path(root.path, "scratch").iterdir())
    assert files.exists(root.child("published", "f"))


def test_two_jobs_that_write_one_file_at_once_leave_one_of_the_two(root):
    """Each has a name of its own for it until it is complete."""
    file, unfinished = root.child("a.json"), []
    with files.replacing(file) as first:
        files.write_bytes(first, b"first")
        files.write_atomically(file, b"second")
        unfinished.append(first.path)
        assert files.read_bytes(file) == b"second"
    assert files.read_bytes(file) == b"first"
    with pytest.raises(ValueError, match="cut off"), files.replacing(file) as second:
        files.write_bytes(second, b"half")
        raise ValueError("cut off")
    assert [path.name for path in Path(root.path).iterdir()] == ["a.json"]
