"""A published model: one Keras file and its card, `model.json`, which tells the file's hash.

    <root>/models/<name>/<model_id>/{model.keras, model.json}

`model_id` is derived from the store and from the configuration of network and training, so that a later job with
the same configuration finds the model. Training again replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.contract.document import Document
from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import MODEL, MODEL_CARD
from pipeline.store.publish import publish_instead, recover_previous


class ModelCard(Document):
    """What is known of a model.

    Attributes:
        name: of the experiment.
        model_id: of this model.
        store_id: that it was trained on.
        run_id: of the tracked run that trained it, if any.
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
        return self.place.within(MODEL)


def publish_model(work: Root, target: Root, card: ModelCard) -> PublishedModel:
    """Publish the folder `work`, which holds the model file, with its card, in place of a predecessor."""
    files.write_bytes(work.within(MODEL_CARD), card.to_json().encode())
    publish_instead(work, target)
    return PublishedModel(target, card)


def open_model(place: Root) -> PublishedModel:
    """Open a published model, and check its file against its card.

    Raises:
        StoreError: there is none, or its file was altered.
    """
    recover_previous(place)
    try:
        text = files.read_bytes(place.within(MODEL_CARD))
        found = files.sha256_of(place.within(MODEL))
    except FileNotFoundError as error:
        raise StoreError(
            f"There is no model for this configuration at {place.path}. Run jobs/train.py with the same configuration."
        ) from error
    card = ModelCard.from_json(text, f"{place.path}/{MODEL_CARD}")
    if found != card.sha256:
        raise StoreError(
            f"Model {place.path}/{MODEL} was altered. Allowed: SHA-256 {card.sha256}. Received: {found}. "
            "Train it again."
        )
    return PublishedModel(place, card)
