"""What a rank is told, and what it answers: JSON both ways."""

from __future__ import annotations

from pipeline.config.model import ModelConfig
from pipeline.config.train import TrainConfig
from pipeline.contract.document import Document
from pipeline.store.filesystem import Root, open_root
from pipeline.store.layout import store_place
from pipeline.store.store import Store, open_store


class RankJob(Document):
    """The work of every rank of one launch.

    Attributes:
        root: the storage root's URI; driver and ranks must both reach it.
        name: of the experiment.
        store_id: what to read.
        scratch: URI of the folder for records and results.
        model: the network.
        train: the training.
        seed: of weights and order.
    """

    root: str
    name: str
    store_id: str
    scratch: str
    model: ModelConfig
    train: TrainConfig
    seed: int

    def open_store(self) -> Store:
        """The store, checked against its manifest."""
        return open_store(store_place(open_root(self.root), self.name, self.store_id))

    def open_scratch(self) -> Root:
        """The folder for records and results."""
        return open_root(self.scratch)


class RankResult(Document):
    """What a rank ended with.

    Attributes:
        rank: which one.
        epochs: that were trained.
        best_epoch: counted from 1; its weights were kept.
        weights: SHA-256 of all weights; the same on every rank.
    """

    rank: int
    epochs: int
    best_epoch: int
    weights: str
