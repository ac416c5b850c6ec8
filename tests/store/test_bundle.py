"""A bundle has all that scoring needs, and nothing that was altered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.schemas.source_contract import ColumnTerms, SourceContract
from pipeline.store import filesystem as files
from pipeline.store.bundle import add_test, open_bundle, read_test, write_bundle
from pipeline.store.layout import FEATURES, MANIFEST, MODEL, TABLE
from pipeline.store.model import ModelCard, PublishedModel, hashes_of, publish_model
from pipeline.store.store import Store, open_store
from pipeline.store.versions import library_versions
from tests.support.stores import write_small_store

CONTRACT = SourceContract(columns={"x0": ColumnTerms(type="number", nullable=True)})


@pytest.fixture
def store(tmp_path) -> Store:
    store = write_small_store(tmp_path, {"train": [5]})
    text = CONTRACT.to_json().encode()
    files.write_bytes(store.path.child(TABLE), text)
    documents = {**store.manifest.documents, TABLE: hashlib.sha256(text).hexdigest()}
    manifest = store.manifest.model_copy(update={"documents": documents})
    files.write_bytes(store.path.child(MANIFEST), manifest.to_json().encode())
    return open_store(store.path)


def publish(store: Store, keras: bytes = b"k", versions: dict[str, str] | None = None) -> PublishedModel:
    place, finished = store.path.sibling("-model"), store.path.sibling("-work")
    files.write_bytes(finished.child(MODEL), keras)
    write_bundle(finished, store, "name: n\n")
    card = ModelCard(
        name="n", model_id="m", store_id="s", run_id=None, files=hashes_of(finished), weights="w", epochs=1,
        best_epoch=1, metrics={}, versions=library_versions() if versions is None else versions,
    )  # fmt: skip
    return publish_model(finished, place, card)


def test_it_stands_without_its_store(store, caplog):
    features, model = store.features, publish(store)
    files.remove_folder(store.path)
    bundle = open_bundle(model.path)
    assert (bundle.features, bundle.table, bundle.config) == (features, CONTRACT, "name: n\n")
    assert bundle.profile is None  # as the store has none
    assert (bundle.test, bundle.decision.threshold, bundle.file) == (None, 0.5, model.file)
    assert bundle.card.versions["keras"]
    assert not caplog.records


@pytest.mark.parametrize("name", [FEATURES, TABLE, "config.yaml"])
def test_a_file_that_was_altered_is_named(store, name):
    model = publish(store)
    with open(model.folder.child(name).path, "ab") as file:
        file.write(b" ")
    with pytest.raises(StoreError, match=rf"{name} was altered\. Allowed: SHA-256 .*Train it again"):
        open_bundle(model.path)
    Path(model.folder.child(name).path).unlink()
    with pytest.raises(StoreError, match=rf"{name} is missing"):
        open_bundle(model.path)


def test_other_versions_are_told(store, caplog):
    open_bundle(publish(store, versions={"keras": "2.9.1"}).path)
    assert "was made with keras 2.9.1; here is 3." in caplog.text


def test_metrics_of_the_test_split_come_later(store):
    model = publish(store)
    assert read_test(model) is None
    for rmse in (2.0, 1.5):
        added = add_test(model, rows=7, metrics={"rmse": rmse, "r2": None}, intervals={"rmse": (1.0, 3.0)})
        found = open_bundle(model.path).test
        assert found == added
        assert (found.metrics, found.intervals) == ({"rmse": rmse, "r2": None}, {"rmse": (1.0, 3.0)})
    assert open_bundle(publish(store).path).test == added  # trained again, the model is the same
    place = model.folder.child("test.json")
    content = json.loads(files.read_bytes(place))
    for change in ({"metrics": {"rmse": 0.1, "r2": None}}, {"model": "0" * 64}, {"sha256": None}):
        files.write_bytes(place, json.dumps({**content, **change}).encode())
        with pytest.raises(StoreError, match=r"test\.json was altered: .*Delete it and run jobs/evaluate\.py"):
            open_bundle(model.path)
    files.write_bytes(place, added.model_copy(update={"model": "0" * 64}).to_json().encode())
    with pytest.raises(StoreError, match=r"test\.json is another model's: .*Delete it and run jobs/evaluate\.py"):
        open_bundle(model.path)
    successor = publish(store, keras=b"l")
    assert open_bundle(successor.path).test is None
