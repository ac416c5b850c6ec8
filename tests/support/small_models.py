"""A model of two files, which nobody could load, published as any other."""

from __future__ import annotations

from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.model import ModelCard, PublishedModel, hashes_of, publish_model


def publish_small_model(finished: StoragePath, place: StoragePath, content: str) -> PublishedModel:
    """Publish at `place` what is first written into the folder `finished`."""
    files.write_bytes(finished.child("model.keras"), content.encode())
    files.write_bytes(finished.child("saved_model", "variables", "index"), b"0")
    card = ModelCard(
        name="n", model_id="m", store_id="s", run_id=None, files=hashes_of(finished), weights="w", epochs=1,
        best_epoch=1, metrics={},
    )  # fmt: skip
    return publish_model(finished, place, card)
