"""Roots of all kinds, and small files below them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.errors import PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.large_files import sha256_of


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
    place = storage_path(root)
    assert (place.path, place.uri, place.is_local) == (path, f"file://{path}", True)


def test_a_root_that_cannot_be_opened():
    with pytest.raises(
        PlatformError, match=r"storage\.root 'gopher://x/y' cannot be opened: .* Allowed: a local path, "
    ):
        storage_path("gopher://x/y")


def test_object_stores_do_not_rename_folders(tmp_path):
    assert storage_path(str(tmp_path)).renames_folders
    assert not storage_path("s3a://lake/team?region=us-east-1").renames_folders


def test_files_below_a_root(tmp_path):
    root = storage_path(str(tmp_path))
    content = bytes(range(256)) * 10_000
    files.write_bytes(root.child("a", "b.bin"), content)
    files.write_bytes(root.child("a", "c", "d.json.gz"), b"not compressed")
    assert files.list_files(root) == ["a/b.bin", "a/c/d.json.gz"]
    assert files.size_of(root.child("a", "b.bin")) == len(content)
    assert files.size_of(root.child("a")) is None
    assert sha256_of(root.child("a", "b.bin")) == hashlib.sha256(content).hexdigest()
    assert files.read_bytes(root.child("a", "c", "d.json.gz")) == b"not compressed"
    files.move(root.child("a", "c"), root.child("new", "place"))
    assert files.list_files(root.child("new")) == ["place/d.json.gz"]
    assert not files.exists(root.child("a", "c"))
    files.remove_file(root.child("a", "b.bin"))
    files.remove_file(root.child("a", "b.bin"))
    assert not files.exists(root.child("a", "b.bin"))
    files.remove_folder(root.child("new"))
    files.remove_folder(root.child("new"))
    assert not files.exists(root.child("new"))


def test_messages_show_addresses_with_their_scheme_and_local_paths_as_they_are(tmp_path):
    bucket = storage_path("s3a://lake/pipeline?region=eu-central-1")
    assert str(bucket.child("contracts", "a.yaml")) == "s3a://lake/pipeline/contracts/a.yaml?region=eu-central-1"
    assert str(storage_path(f"file://{tmp_path}").child("x")) == f"{tmp_path}/x"
