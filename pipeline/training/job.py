"""What the driver sends to the ranks and what they return: JSON both ways."""

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
from pipeline.training.world import ExchangeWay

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
"""Settings of `train` that the weights do not depend on: when they change, the model keeps its name and checkpoints
stay valid."""

WORLD_SIZE = "train.workers"


def shaping_settings(model: ModelConfig, train: TrainConfig, seed: int) -> dict[str, Any]:
    """The settings that weights depend on, as JSON-like content."""
    return {
        "model": model.identity(),
        "train": train.identity(exclude=WITHOUT_INFLUENCE),
        "seed": seed,
    }


class DecisionConfig(Section):
    """The part of `evaluate` that is fitted at the end of training.

    Attributes:
        calibration: the method that calibrates the probabilities.
        threshold: the probability from which the second of two classes is predicted, or the goal that sets it.
    """

    calibration: Literal["none", "platt", "isotonic", "temperature"] = "none"
    threshold: ThresholdConfig = ThresholdConfig()

    @classmethod
    def of(cls, config: EvaluateConfig) -> DecisionConfig:
        """The part of a section `evaluate`."""
        return cls(calibration=config.calibration, threshold=config.threshold)

    @property
    def needs_rows(self) -> bool:
        """Whether anything is to be fitted on validation rows."""
        return self.calibration != "none" or self.threshold.goal is not None


class FollowUp(Document):
    """What every rank does with the trained network before the launch ends, see `follow_up`.

    Attributes:
        target: `package.module:function`, a `FollowUpFunction`.
        payload: its first argument.
    """

    target: str
    payload: str


class RankJob(Document):
    """The work of every rank of one launch.

    Attributes:
        root: URI of the storage root, which driver and ranks must both reach.
        name: the experiment's name.
        store_id: the store to train on.
        scratch: URI of the folder for records and results.
        checkpoints: URI of the folder of this run's checkpoints; None writes none.
        tensorboard: URI of the folder for TensorBoard; None writes nothing for it.
        model: the network's settings.
        train: the settings of the training run.
        seed: the seed of the initial weights and of the order of rows.
        decision_config: what is fitted on validation rows at the end.
        formats: formats of the model beside its Keras file.
        saves: whether a model is written at all; a trial of a search needs none.
        follow_up: what the ranks do with the finished network; None is nothing.
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
    follow_up: FollowUp | None = None

    def open_store(self) -> Store:
        """The store, checked against its manifest."""
        return open_store(store_folder(storage_path(self.root), self.name, self.store_id))

    def open_scratch(self) -> StoragePath:
        """The folder for records and results."""
        return storage_path(self.scratch)

    def open_checkpoints(self) -> StoragePath | None:
        """The folder of this run's checkpoints; None where it keeps none."""
        return storage_path(self.checkpoints) if self.checkpoints is not None else None

    def remove_checkpoints(self) -> None:
        """Remove this run's checkpoints, if it keeps any."""
        if (folder := self.open_checkpoints()) is not None:
            files.remove_folder(folder)

    def identity(self) -> str:
        """The store and the settings that the weights depend on, as canonical JSON."""
        content = {"store": self.store_id, **shaping_settings(self.model, self.train, self.seed)}
        return json.dumps(content, sort_keys=True)


class RankResult(Document):
    """The result of a rank.

    Attributes:
        rank: the rank.
        epochs: the number of epochs that were trained.
        best_epoch: the epoch whose weights were kept, counted from 1.
        weights: SHA-256 of all weights; the same on every rank.
        parameters: the number of trainable weights.
        seconds: from the first step of this launch to the last one, validations included.
        stopped: whether the run was stopped before its end; a checkpoint has its position.
        resumed: the position that the run resumed from, for messages; None where it started from scratch.
        decision: the rule from probabilities to classes, fitted by rank 0.
        exchange: how the ranks exchanged tensors.
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
    exchange: ExchangeWay = "none"
