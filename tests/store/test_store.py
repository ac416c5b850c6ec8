"""A store is opened only when it is what its manifest says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.layout import MANIFEST
from pipeline.store.manifest import FORMAT, Manifest
from pipeline.store.store import Store, is_published, open_store
from tests.support.stores import write_small_store


@pytest.fixture
def store(tmp_path) -> Store:
    return write_small_store(tmp_path, {"train": [5, 0, 3], "validation": [2, 2, 2], "test": [0, 0, 0]})


def test_an_opened_store_tells_its_shards(store):
    train = store.split("train")
    assert train.shard_rows(3) == (5, 0, 3)
    assert [file.rows for file in train.shard_files(2)] == [3]
    assert train.shard_files(1) == ()
    assert store.manifest.rows == {"train": 8, "validation": 6, "test": 0, "quarantined": 0}
    assert store.contract.names("row_id") == (ROW_ID,)
    assert store.file(train.files[0].path).uri.startswith("file:///")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.unlink(), r"was altered\. Allowed: \d+ bytes\. Received: no such file\. Delete the store's"),
        (lambda file: file.write_bytes(b"1234"), r"was altered\. Allowed: \d+ bytes\. Received: 4 bytes"),
        (
            lambda file: file.with_name("_common_metadata").write_bytes(b"x"),
            r"'train/_common_metadata' would be unpickled by Petastorm and is refused",
        ),
        (lambda file: _replace(file.parents[1] / "features.json", '"x0"', '"x9"'), r"'features\.json' was altered"),
        (
            lambda file: (file.parents[1] / MANIFEST).unlink(),
            r"There is no complete store at .*: manifest\.json is missing",
        ),
        (
            lambda file: (file.parents[1] / "contract.json").unlink(),
            r"contract\.json is missing\. Run jobs/prepare\.py",
        ),
        (
            lambda file: _write_manifest(file.parents[1] / MANIFEST, format=99),
            rf"has format 99\. Allowed: 3, 4, {FORMAT}\. Prepare it again with this version",
        ),
        (
            lambda file: _replace(file.parents[1] / MANIFEST, '"quarantined": 0', '"quarantined": 1'),
            r"manifest\.json was altered: .*'sha256'.* Delete the store's folder and run jobs/prepare\.py",
        ),
        (lambda file: (file.parents[1] / MANIFEST).write_text("{"), r"manifest\.json is not a valid Manifest"),
    ],
)
def test_a_store_that_was_altered_is_refused(store, change, message):
    change(Path(store.path.path, store.split("train").files[0].path))
    with pytest.raises(StoreError, match=message):
        open_store(store.path)


def test_files_that_are_not_listed_are_ignored(store):
    Path(store.path.path, "train", "stray.parquet").write_bytes(b"x")
    assert open_store(store.path).manifest == store.manifest


def test_a_store_is_published_by_its_manifest_alone(store):
    assert is_published(store.path)
    Path(store.path.path, MANIFEST).unlink()
    assert not is_published(store.path)


def _write_manifest(file: Path, **changes: object) -> None:
    manifest = Manifest.from_json(file.read_bytes(), str(file)).model_copy(update=changes)
    file.write_text(manifest.to_json())


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
