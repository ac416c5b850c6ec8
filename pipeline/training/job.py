"""What a rank is told, and what it answers: JSON both ways."""

from __future__ import annotations

import json
from typing import Any, Literal

from pipeline.config.evaluate import EvaluateConfig, ThresholdConfig
from pipeline.config.export import Format
from pipeline.config.launch import LaunchConfig
from pipeline.config.model import ModelConfig
from pipeline.config.train import TrainConfig
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.schemas.section import Section
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import store_folder
from pipeline.store.store import Store, open_store

WITHOUT_INFLUENCE = {
    "threads",
    "feed_threads",
    "cache",
    "cache_bytes",
    "steps_per_execution",
    "checkpoint",
    "tensorboard",
    *LaunchConfig.model_fields,
}
"""Settings of `train` that the weights do not depend on: a model keeps its name, and a checkpoint serves, when they
change."""

WORLD_SIZE = "train.workers"


def shaping_settings(model: ModelConfig, train: TrainConfig, seed: int) -> dict[str, Any]:
    """The settings that weights depend on, as JSON-like content."""
    return {
        "model": model.identity(),
        "train": train.identity(exclude=WITHOUT_INFLUENCE),
        "seed": seed,
    }


class DecisionConfig(Section):
    """What of `evaluate` is fitted when a training ends.

    Attributes:
        calibration: of the probabilities.
        threshold: of the second of two classes.
    """

    calibration: Literal["none", "platt", "isotonic", "temperature"] = "none"
    threshold: ThresholdConfig = ThresholdConfig()

    @classmethod
    def of(cls, config: EvaluateConfig) -> DecisionConfig:
        """The part of a configuration."""
        return cls(calibration=config.calibration, threshold=config.threshold)

    @property
    def needs_rows(self) -> bool:
        """Whether anything is to be fitted."""
        return self.calibration != "none" or self.threshold.goal is not None


class RankJob(Document):
    """The work of every rank of one launch.

    Attributes:
        root: the storage root's URI; driver and ranks must both reach it.
        name: of the experiment.
        store_id: what to read.
        scratch: URI of the folder for records and results.
        checkpoints: URI of the folder of this training's checkpoints; None writes none.
        tensorboard: URI of the folder for TensorBoard; None writes nothing for it.
        model: the network.
        train: the training.
        seed: of weights and order.
        decision_config: what is fitted on validation rows at the end.
        formats: that the model is written in beside its Keras file.
        saves: whether a model is written at all; a trial of a search needs none.
    """

    root: str
    name: str
    store_id: str
    scratch: str
    checkpoints: str | None = None
    tensorboard: str | None = None
    model: ModelConfig
    train: TrainConfig
    seed: int
    decision_config: DecisionConfig = DecisionConfig()
    formats: tuple[Format, ...] = ()
    saves: bool = True

    def open_store(self) -> Store:
        """The store, checked against its manifest."""
        return open_store(store_folder(storage_path(self.root), self.name, self.store_id))

    def open_scratch(self) -> StoragePath:
        """The folder for records and results."""
        return storage_path(self.scratch)

    def open_checkpoints(self) -> StoragePath | None:
        """The folder of this training's checkpoints, where it keeps any."""
        return storage_path(self.checkpoints) if self.checkpoints is not None else None

    def remove_checkpoints(self) -> None:
        """Remove what the training kept on its way, where it kept anything."""
        if (folder := self.open_checkpoints()) is not None:
            files.remove_folder(folder)

    def identity(self) -> str:
        """What the weights depend on, as canonical JSON."""
        content = {"store": self.store_id, **shaping_settings(self.model, self.train, self.seed)}
        return json.dumps(content, sort_keys=True)


class RankResult(Document):
    """What a rank ended with.

    Attributes:
        rank: which one.
        epochs: that were trained.
        best_epoch: counted from 1; its weights were kept.
        weights: SHA-256 of all weights; the same on every rank.
        parameters: how many weights are trained.
        seconds: from the first step of this launch to the last one, validations included.
        stopped: whether it was told to stop before its end; a checkpoint tells where it was.
        resumed: where it went on from, for people; None where it began.
        decision: from probabilities to classes; fitted by rank 0.
    """

    rank: int
    epochs: int
    best_epoch: int
    weights: str
    parameters: int = 0
    seconds: float = 0.0
    stopped: bool = False
    resumed: str | None = None
    decision: DecisionRule = DecisionRule()
