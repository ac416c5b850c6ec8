"""A model is replaced in one step: whatever is cut off where, one whole model is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store import model as models
from pipeline.store.filesystem import Root, open_root
from pipeline.store.layout import model_file, model_place
from pipeline.store.model import ModelCard, PublishedModel, open_model, publish_model, read_model


@pytest.fixture
def place(tmp_path) -> Root:
    return model_place(open_root(str(tmp_path)), "n", "m")


def publish(place: Root, content: str) -> PublishedModel:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    finished = place.beside(".work").within("model.keras")
    files.write_bytes(finished, content.encode())
    card = ModelCard(
        name="n", model_id="m", store_id="s", run_id=None, file=model_file(sha256), sha256=sha256, weights="w",
        epochs=1, best_epoch=1, metrics={},
    )  # fmt: skip
    return publish_model(finished, place, card)


def content_of(place: Root) -> str:
    model = open_model(place)
    return read_model(model.file, model.card.sha256).decode()


def test_a_successor_takes_the_place(place):
    for content in ("old", "new", "new"):
        publish(place, content)
        assert content_of(place) == content
        assert len(list(Path(place.path).iterdir())) == 2


@pytest.mark.parametrize(("step", "left"), [("move", "old"), ("write_atomically", "old"), ("remove_file", "new")])
def test_a_publication_that_is_cut_off_leaves_one_of_the_two(place, monkeypatch, step, left):
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    publish(place, "old")
    monkeypatch.setattr(models.files, step, cut_off)
    with pytest.raises(KeyboardInterrupt):
        publish(place, "new")
    monkeypatch.undo()
    assert content_of(place) == left
    publish(place, "newer")
    assert content_of(place) == "newer"


def test_a_reader_that_is_overtaken_gets_the_successor(place, monkeypatch):
    publish(place, "old")
    read = files.sha256_of

    def slower(file: Root) -> str:
        monkeypatch.undo()
        publish(place, "new")
        return read(file)

    monkeypatch.setattr(models.files, "sha256_of", slower)
    assert open_model(place).card.sha256 == hashlib.sha256(b"new").hexdigest()


def test_what_cannot_be_opened_is_named(place):
    with pytest.raises(StoreError, match=r"There is no model for this configuration at .*/m\. Run jobs/train\.py"):
        open_model(place)
    model = publish(place, "old")
    files.write_bytes(model.file, b"other")
    for act in (lambda: open_model(place), lambda: read_model(model.file, model.card.sha256)):
        with pytest.raises(StoreError, match=r"model-[0-9a-f]{12}\.keras was altered\. Allowed: SHA-256 "):
            act()
    files.remove_file(model.file)
    for act in (lambda: open_model(place), lambda: read_model(model.file, model.card.sha256)):
        with pytest.raises(StoreError, match=r"is missing: it was deleted, or replaced by another training"):
            act()


def test_a_card_names_no_file_elsewhere(place):
    model = publish(place, "old")
    card = model.card.to_json().replace(model.card.file, "../../model-00.keras")
    files.write_bytes(place.within("model.json"), card.encode())
    with pytest.raises(StoreError, match=r"not a valid ModelCard: file"):
        open_model(place)
