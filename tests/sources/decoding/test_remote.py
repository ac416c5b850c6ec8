"""File systems that are not local: how they are named, and fsspec where Arrow has none."""

from __future__ import annotations

from contextlib import closing

import pytest

from pipeline.errors import DataError
from pipeline.preparation.listing.arrow_files import ArrowFiles
from pipeline.sources.decoding.remote import FileOpener, open_remote, without_query
from pipeline.store.filesystem import storage_path


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://b/x.csv?endpoint_override=h:1&scheme=http", ("s3://b/x.csv", "endpoint_override=h:1&scheme=http")),
        ("s3://b/?.csv?region=r", ("s3://b/?.csv", "region=r")),
        # Folders COLUMN=VALUE behind a sign of a pattern.
        ("s3://b/?year=2020/x.csv", ("s3://b/?year=2020/x.csv", "")),
        ("s3://b/?region=*/x.csv", ("s3://b/?region=*/x.csv", "")),
        ("file:/b/x?region=r", ("file:/b/x?region=r", "")),
    ],
)
def test_options_behind_a_path(location, expected):
    assert without_query(location) == expected


def test_buckets_are_those_of_the_store(bucket, monkeypatch):
    file = open_remote(f"{bucket}/a/b.csv")
    assert (file.full(file.path), file.uri(file.full(file.path))) == (f"{file.base}/a/b.csv", f"{bucket}/a/b.csv")
    assert file.filesystem is open_remote(bucket.replace("s3a:", "s3:")).filesystem is storage_path(bucket).filesystem
    assert open_remote(bucket, "region=eu-west-1").filesystem.region == "eu-west-1"
    # A notebook may log in again.
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    assert file.filesystem is not open_remote(bucket).filesystem


@pytest.fixture
def lake():
    """Files that fsspec holds in memory."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe({"/lake/k=a%20b/1.csv": b"x\n1\n", "/lake/k=c/_2.csv": b"x\n", "/lake/k=c/3.csv": b"x\n3\n"})
    yield "memory://lake"
    memory.rm("/lake", recursive=True)


def test_files_of_fsspec(lake):
    (place,) = ArrowFiles().find_paths(lake)
    found = ArrowFiles().list_files(place)
    assert [(file.uri, file.name, file.bytes) for file in found] == [
        ("memory://lake/k=a%20b/1.csv", "k=a%20b/1.csv", 4),
        ("memory://lake/k=c/3.csv", "k=c/3.csv", 4),
    ]
    assert all(file.modified > 1_600_000_000_000 for file in found)
    with closing(FileOpener()(found[0].uri)) as stream:
        assert stream.read() == b"x\n1\n"
    assert [place.name for place in ArrowFiles().find_paths(f"{lake}/k=*/?.csv")] == ["k=a%20b/1.csv", "k=c/3.csv"]
    assert ArrowFiles().has_folder(place, "k=c") and not ArrowFiles().has_folder(place, "k=d")
    with pytest.raises(DataError, match=r"^Source 'memory://lake/none' does not exist\."):
        ArrowFiles().find_paths(f"{lake}/none")


@pytest.mark.parametrize("location", ["viewfs:/lake/x", "wasbs://c@a/x", "nothing://h/x"])
def test_what_nothing_opens(location):
    with pytest.raises(OSError, match=r"neither Arrow nor fsspec"):
        open_remote(location)
