"""A model is replaced in one step: whatever is cut off where, one whole model is there."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.schemas.document import fingerprint
from pipeline.store import filesystem as files
from pipeline.store import model as models
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import model_folder
from pipeline.store.model import PublishedModel, open_model, read_model
from tests.support.small_models import publish_small_model


@pytest.fixture
def place(tmp_path) -> StoragePath:
    return model_folder(storage_path(str(tmp_path)), "n", "m")


def publish(place: StoragePath, content: str) -> PublishedModel:
    return publish_small_model(place.sibling(".work"), place, content)


def rehashed(card: str) -> str:
    """The text of a card that was not damaged but written so."""
    content = json.loads(card)
    del content["sha256"]
    return json.dumps({**content, "sha256": fingerprint(content)})


def content_of(place: StoragePath) -> str:
    model = open_model(place)
    return read_model(model.file, model.card.sha256).decode()


def test_a_successor_takes_the_place(place):
    for content in ("old", "new", "new"):
        publish(place, content)
        assert content_of(place) == content
        assert len(list(Path(place.path).iterdir())) == 2
        assert not Path(place.path + ".work").exists()


@pytest.mark.parametrize(("step", "left"), [("move", "old"), ("write_atomically", "old"), ("remove_folder", "new")])
def test_a_publication_that_is_cut_off_leaves_one_of_the_two(place, monkeypatch, step, left):
    publish(place, "old")
    real, removals = getattr(files, step), []

    def cut_off(*arguments: StoragePath) -> None:
        removals.append(arguments[0].path)
        if step == "remove_folder" and len(removals) == 1:  # of what is not there yet
            return real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(models.files, step, cut_off)
    with pytest.raises(KeyboardInterrupt):
        publish(place, "new")
    monkeypatch.undo()
    assert content_of(place) == left
    publish(place, "newer")
    assert content_of(place) == "newer"


def test_a_reader_that_is_overtaken_gets_the_successor(place, monkeypatch):
    publish(place, "old")
    read = models.sha256_of

    def slower(file: StoragePath) -> str:
        monkeypatch.undo()
        publish(place, "new")
        return read(file)

    monkeypatch.setattr(models, "sha256_of", slower)
    assert open_model(place).card.sha256 == hashlib.sha256(b"new").hexdigest()


def test_what_cannot_be_opened_is_named(place):
    with pytest.raises(StoreError, match=r"There is no model for this configuration at .*/m\. Run jobs/train\.py"):
        open_model(place)
    model = publish(place, "old")
    files.write_bytes(model.file, b"other")
    for act in (lambda: open_model(place), lambda: read_model(model.file, model.card.sha256)):
        with pytest.raises(StoreError, match=r"bundle-[0-9a-f]{12}/model\.keras was altered\. Allowed: SHA-256 "):
            act()
    files.remove_file(model.file)
    for act in (lambda: open_model(place), lambda: read_model(model.file, model.card.sha256)):
        with pytest.raises(StoreError, match=r"is missing: it was deleted, or replaced by another training"):
            act()
    files.write_bytes(model.folder.child("saved_model", "assets", "strange.py"), b"1")
    with pytest.raises(StoreError, match=r"(?s)2 problems.*saved_model/assets/strange\.py is not part of this model"):
        open_model(place)
    publish(place, "old")
    assert content_of(place) == "old"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ('"../model.keras": "0", "model.keras"', "not a valid ModelCard: files"),
        ('"/etc/passwd": "0", "model.keras"', "not a valid ModelCard: files"),
        ('"saved_model/../../x": "0", "model.keras"', "not a valid ModelCard: files"),
        ('"other.keras"', r"names no model\.keras"),
    ],
)
def test_a_card_names_no_file_elsewhere(place, wrong, message):
    card = publish(place, "old").card.to_json().replace('"model.keras"', wrong)
    files.write_bytes(place.child("model.json"), rehashed(card).encode())
    with pytest.raises(StoreError, match=message):
        open_model(place)


def test_another_format_is_refused(place):
    card = publish(place, "old").card.model_copy(update={"format": 1})
    files.write_bytes(place.child("model.json"), card.to_json().encode())
    with pytest.raises(StoreError, match=r"has format 1\. Allowed: 2, 3\. Train it again with this version"):
        open_model(place)


@pytest.mark.parametrize("link", ["file", "folder", "device"])
def test_a_link_within_a_model_is_refused_though_its_content_is_right(place, tmp_path, link):
    model = publish(place, "content")
    path = Path(model.folder.path, "model.keras")
    if link == "file":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif link == "folder":
        Path(model.folder.path, "more").symlink_to(tmp_path)
    else:
        Path(model.folder.path, "zeros").symlink_to("/dev/zero")
    with pytest.raises(StoreError, match=r"is a link or a special file\. Allowed: ordinary files"):
        open_model(place)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("metrics", {"rmse": 8.31}),
        ("weights", "v"),
        ("epochs", 2),
        ("best_epoch", 2),
        ("run_id", "another"),
        ("decision", {"threshold": 0.4}),
        ("store_id", "t"),
        ("model_id", "l"),
        ("name", "m"),
        ("versions", {"keras": "2.9.1"}),
        ("format", 2),
        ("sha256", "0" * 64),
        ("sha256", None),
    ],
)
def test_no_part_of_a_card_can_be_altered(place, key, value):
    publish(place, "old")
    file = place.child("model.json")
    content = json.loads(files.read_bytes(file))
    assert content[key] != value
    files.write_bytes(file, json.dumps({**content, key: value}).encode())
    with pytest.raises(StoreError, match=r"model\.json was altered: .*'sha256'.*Train it again"):
        open_model(place)


def test_no_bit_of_a_card_changes_what_it_says(place):
    card = publish(place, "old").card
    file = place.child("model.json")
    whole = files.read_bytes(file)
    for position in range(len(whole)):
        flipped = bytes([whole[position] ^ (1 << position % 8)])
        files.write_bytes(file, whole[:position] + flipped + whole[position + 1 :])
        with suppress(StoreError):
            assert open_model(place).card == card  # the bit was of a space between two keys


def test_a_card_of_an_earlier_version_has_no_hash(place):
    card = publish(place, "old").card
    earlier = {**json.loads(card.to_json()), "format": 2}
    del earlier["sha256"]
    files.write_bytes(place.child("model.json"), json.dumps(earlier).encode())
    assert open_model(place).card == card.model_copy(update={"format": 2})
