"""A published model: one Keras file and its card, `model.json`, which names the file and tells its hash.

    <root>/models/<name>/<model_id>/{model-<hash>.keras, model.json}

`model_id` is derived from the store and from the configuration of network and training, so that a later job with
the same configuration finds the model. Training again replaces it, by one rename: the new file is there already when
the card turns to it. Readers never write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipeline.contract.document import Document
from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import MODEL_CARD


class ModelCard(Document):
    """What is known of a model.

    Attributes:
        name: of the experiment.
        model_id: of this model.
        store_id: that it was trained on.
        run_id: of the tracked run that trained it, if any.
        file: the model file's name, as `model_file` gives it.
        sha256: of the model file.
        weights: SHA-256 over the network's weights.
        epochs: that were trained.
        best_epoch: whose weights were kept, counted from 1.
        metrics: of that epoch.
    """

    name: str
    model_id: str
    store_id: str
    run_id: str | None
    file: Annotated[str, Field(pattern=r"^model-[0-9a-f]+\.keras$")]
    sha256: str
    weights: str
    epochs: int
    best_epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class PublishedModel:
    """A model whose file is what its card tells.

    Attributes:
        place: its folder.
        card: what is known of it.
    """

    place: Root
    card: ModelCard

    @property
    def file(self) -> Root:
        """The Keras file."""
        return self.place.within(self.card.file)


def publish_model(finished: Root, target: Root, card: ModelCard) -> PublishedModel:
    """Publish the model file `finished` with its card, in place of a predecessor, whose file is deleted.

    Only the file that the card named before is deleted: any other one may be on its way to be published by another
    job.
    """
    model, predecessor = PublishedModel(target, card), None
    with suppress(StoreError):
        predecessor = _read(target)
    files.move(finished, model.file)
    files.write_atomically(target.within(MODEL_CARD), card.to_json().encode())
    if predecessor is not None and predecessor.card.file != card.file:
        files.remove_file(predecessor.file)
    return model


def open_model(place: Root) -> PublishedModel:
    """Open a published model, and check its file against its card.

    Raises:
        StoreError: there is none, or its file was altered.
    """
    model = _read(place)
    while True:
        try:
            found = files.sha256_of(model.file)
        except FileNotFoundError as error:
            # A successor may have taken its place since the card was read.
            model, missing = _read(place), model
            if model == missing:
                raise _gone(model.file) from error
        else:
            _check(model.file, found, model.card.sha256)
            return model


def read_model(file: Root, sha256: str) -> bytes:
    """The content of a model file that was opened before, perhaps by another process.

    Raises:
        StoreError: it is gone, or was altered.
    """
    try:
        content = files.read_bytes(file)
    except FileNotFoundError as error:
        raise _gone(file) from error
    _check(file, hashlib.sha256(content).hexdigest(), sha256)
    return content


def _read(place: Root) -> PublishedModel:
    try:
        text = files.read_bytes(place.within(MODEL_CARD))
    except FileNotFoundError as error:
        raise StoreError(
            f"There is no model for this configuration at {place.path}. Run jobs/train.py with the same configuration."
        ) from error
    return PublishedModel(place, ModelCard.from_json(text, f"{place.path}/{MODEL_CARD}"))


def _check(file: Root, found: str, sha256: str) -> None:
    if found != sha256:
        raise StoreError(
            f"Model {file.path} was altered. Allowed: SHA-256 {sha256}. Received: {found}. Train it again."
        )


def _gone(file: Root) -> StoreError:
    return StoreError(f"Model {file.path} is missing: it was deleted, or replaced by another training. Train it again.")
