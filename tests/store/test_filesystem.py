"""Roots of all kinds, and small files below them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.errors import PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import open_root


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("/data/x/", "/data/x"),
        ("file:/data/x", "/data/x"),
        ("dbfs:/team/x", "/dbfs/team/x"),
        ("/Volumes/c/s/v", "/Volumes/c/s/v"),
        ("relative", str(Path.cwd() / "relative")),
    ],
)
def test_local_roots(root, path):
    place = open_root(root)
    assert (place.path, place.uri, place.is_local) == (path, f"file://{path}", True)


def test_a_root_that_cannot_be_opened():
    with pytest.raises(
        PlatformError, match=r"storage\.root 'gopher://x/y' cannot be opened: .* Allowed: a local path, "
    ):
        open_root("gopher://x/y")


def test_object_stores_do_not_rename_folders(tmp_path):
    assert open_root(str(tmp_path)).renames_folders
    assert not open_root("s3a://lake/team?region=us-east-1").renames_folders


def test_files_below_a_root(tmp_path):
    root = open_root(str(tmp_path))
    content = bytes(range(256)) * 10_000
    files.write_bytes(root.within("a", "b.bin"), content)
    files.write_bytes(root.within("a", "c", "d.json.gz"), b"not compressed")
    assert files.list_files(root) == ["a/b.bin", "a/c/d.json.gz"]
    assert files.size_of(root.within("a", "b.bin")) == len(content)
    assert files.size_of(root.within("a")) is None
    assert files.sha256_of(root.within("a", "b.bin")) == hashlib.sha256(content).hexdigest()
    assert files.read_bytes(root.within("a", "c", "d.json.gz")) == b"not compressed"
    files.move(root.within("a", "c"), root.within("new", "place"))
    assert files.list_files(root.within("new")) == ["place/d.json.gz"]
    assert not files.exists(root.within("a", "c"))
    files.remove_file(root.within("a", "b.bin"))
    files.remove_file(root.within("a", "b.bin"))
    assert not files.exists(root.within("a", "b.bin"))
    files.remove_folder(root.within("new"))
    files.remove_folder(root.within("new"))
    assert not files.exists(root.within("new"))
