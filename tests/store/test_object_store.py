"""Roots in a bucket: how they are opened, and what is told where they cannot be used."""

from __future__ import annotations

import re
import socket
import time
import urllib.request

import pytest

from pipeline.errors import ConfigError, PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.large_files import copy_file, write_durably
from pipeline.store.object_store import open_bucket
from pipeline.store.reach import check_reachable

PATIENCE = 10.0


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_settings_of_an_address_stay_behind_its_path(scheme):
    root = storage_path(f"{scheme}://lake/team/?region=eu-west-1&endpoint_override=http://127.0.0.1:1")
    place = root.child("a", "b").sibling(".part")
    assert (place.path, place.renames_folders, place.is_local) == ("lake/team/a/b.part", False, False)
    settings = "region=eu-west-1&endpoint_override=http://127.0.0.1:1"
    assert place.uri == f"{scheme}://lake/team/a/b.part?{settings}"
    assert place.folder.uri == f"{scheme}://lake/team/a?{settings}"
    assert storage_path(place.uri).path == place.path
    assert root.filesystem.region == "eu-west-1"


@pytest.mark.parametrize("name", ["100%25", "a b", "a+b", "ü", "%", "a=b&c"])
def test_odd_names_stay_what_they_are(bucket, name):
    place = storage_path(f"{bucket}/{name}/").child(f"{name}.parquet")
    files.write_bytes(storage_path(place.uri), name.encode())
    assert files.list_files(storage_path(bucket)) == [f"{name}/{name}.parquet"]
    assert files.read_bytes(place) == name.encode()
    assert storage_path(place.folder.uri).path == place.folder.path


def test_an_address_with_a_fragment_is_refused():
    with pytest.raises(
        ConfigError, match=r"'s3a://lake/exp#1' has a '#', .* Allowed: all other characters\. Rename the folder"
    ):
        storage_path("s3a://lake/exp#1")


def test_a_connection_is_shared_within_a_process(bucket):
    assert open_bucket(f"{bucket}/a")[0] is open_bucket(f"{bucket}/b")[0]


def test_credentials_in_an_address_are_refused_and_not_shown():
    with pytest.raises(ConfigError, match=r"'s3a://lake/x' holds credentials, .* Give them by AWS_ACC") as refusal:
        storage_path("s3a://AKIA:hidden@lake/x")
    assert "hidden" not in str(refusal.value)
    with pytest.raises(ConfigError, match=r"'s3://lake\?secret_key=\.\.\.' has an unknown setting") as refusal:
        storage_path("s3://lake?secret_key=hidden")
    assert "hidden" not in str(refusal.value)
    with pytest.raises(ConfigError, match=r"unknown setting 'regions'.*Did you mean 'region'"):
        storage_path("s3://lake?regions=eu-west-1")


def test_a_file_is_there_whole_or_not_at_all_without_a_rename(bucket, s3_server):
    place = storage_path(bucket).child("a", "b")
    files.write_atomically(place, b"one")
    write_durably(place, [b"two", b" and more"])
    copy_file(place, place.sibling(".again"))
    assert files.read_bytes(place.sibling(".again")) == b"two and more"

    def broken():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_durably(place.sibling(".half"), broken())
    assert files.list_files(storage_path(bucket)) == ["a/b", "a/b.again"]
    own = [path for _, path in s3_server.requests if bucket.removeprefix("s3a://") in path]
    assert own
    assert not [path for path in [*own, *s3_server.copies] if path.endswith(".part")]
    assert s3_server.copies == []


def test_an_object_that_is_deleted_while_it_is_read_is_missing(bucket):
    place = storage_path(bucket).child("a")
    files.write_bytes(place, b"one")
    with pytest.raises(FileNotFoundError, match="was deleted while it was read"), files.open_stream(place) as stream:
        files.remove_file(place)
        stream.read()


def test_a_bucket_that_can_be_written_to_is_left_as_it_was(bucket):
    check_reachable(storage_path(f"{bucket}/team"), "storage.root")
    assert files.list_files(storage_path(bucket)) == []


def refused(root: str, message: str) -> None:
    start = time.monotonic()
    with pytest.raises(PlatformError, match=message) as refusal:
        check_reachable(storage_path(root), "storage.root")
    assert time.monotonic() - start < PATIENCE
    assert re.search(r"Allowed: an existing bucket, .* Check its name, AWS_", str(refusal.value))


def test_a_bucket_that_is_not_there_is_named(bucket):
    refused("s3a://elsewhere/team", r"storage\.root 's3a://elsewhere/team' .*: there is no bucket 'elsewhere'\.")


def test_credentials_that_are_not_accepted_are_told(bucket, s3_server):
    def ask(unchecked_requests: str) -> None:
        url, kind = f"http://{s3_server.address}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(url, unchecked_requests.encode(), kind)).close()

    ask("0")
    try:
        refused(f"{bucket}/team", "cannot be written to: .*(ACCESS_DENIED|403)")
    finally:
        ask("inf")


def test_an_endpoint_that_is_down_or_silent_is_told_within_seconds(monkeypatch, bucket):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        refused("s3a://lake/down", "storage.root 's3a://lake/down' cannot be written to: .*Could(n't| not) connect")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        refused("s3a://lake/silent", "storage.root 's3a://lake/silent' cannot be written to: .*Timeout")
