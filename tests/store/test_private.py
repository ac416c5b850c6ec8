"""Files and folders that somebody else could have put there are not used."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from pipeline.store.filesystem import storage_path
from pipeline.store.private import own_folder, read_own, temporary_folder, write_private


def spoil(path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file or folder one that cannot be trusted."""
    if way == "a link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to(path.with_name("elsewhere"))
    elif way == "of the group":
        path.chmod(path.stat().st_mode | stat.S_IWGRP)
    elif way == "of all":
        path.chmod(path.stat().st_mode | stat.S_IWOTH)
    else:
        owner = path.stat().st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)


WAYS = ["a link", "of the group", "of all", "somebody's"]


def test_a_folder_is_made_for_this_user_alone_and_kept(tmp_path):
    folder = own_folder(tmp_path / "parent" / "own")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "file").write_text("x")
    assert own_folder(folder) == folder


@pytest.mark.parametrize("way", WAYS)
def test_a_folder_that_is_not_this_user_s_alone_is_refused(tmp_path, monkeypatch, way):
    folder = own_folder(tmp_path / "own")
    spoil(folder, way, monkeypatch)
    with pytest.raises(PermissionError, match=r"own is no folder|belongs to user|others may write to .*chmod go-w"):
        own_folder(folder)


@pytest.mark.parametrize("way", [*WAYS, "a pipe"])
def test_a_file_that_is_not_this_user_s_alone_is_not_read(tmp_path, monkeypatch, way):
    (tmp_path / "file").write_text("x")
    assert read_own(tmp_path, "file") == b"x"
    if way == "a pipe":
        (tmp_path / "file").unlink()
        os.mkfifo(tmp_path / "file")
    else:
        spoil(tmp_path / "file", way, monkeypatch)
    with pytest.raises(OSError, match=r"symbolic links|belongs to user|others may write|no ordinary file"):
        read_own(tmp_path, "file")


@pytest.mark.parametrize("name", ["/etc/hostname", "../file", "a/../../file", "a/file", "..", ".", ""])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    with pytest.raises(OSError, match=r"is not the name of a file|is no ordinary file"):
        read_own(tmp_path / "a", name)


def test_the_folder_in_the_temporary_directory_is_refused_where_somebody_made_it_first(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"pipeline-cores-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match=r"is no folder\. Remove it"):
        temporary_folder("cores")


def test_a_private_file_is_for_this_user_alone(tmp_path):
    file = storage_path(str(tmp_path / "new" / "file"))
    for content in (b"one", b"other"):
        write_private(file, content)
        assert Path(file.path).read_bytes() == content
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o600
    assert os.listdir(tmp_path / "new") == ["file"]
