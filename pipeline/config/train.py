"""How the network is trained, and on how many processes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from pipeline.config.callbacks import CallbackConfig, PlateauConfig, RateFinderConfig
from pipeline.config.checkpoint import CheckpointConfig
from pipeline.config.launch import LaunchConfig
from pipeline.config.optimizer import OptimizerConfig
from pipeline.config.schedule import ScheduleConfig
from pipeline.losses import LOSSES
from pipeline.registry import REFERENCE, referenced
from pipeline.schemas.references import entry_of, is_imported
from pipeline.schemas.section import Columns, Count, Integer, Number, Section, Size

LEAST_FEED_MEMORY = 64 << 20


def _metrics_exist(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """References are imported; classes of `keras.metrics` are looked up by the ranks, which load Keras."""
    for name in names if is_imported(info) else ():
        if REFERENCE.fullmatch(name):
            referenced("metric", name)
    return names


class EarlyStoppingConfig(Section):
    """Stop when the validation loss no longer improves; the weights of the best epoch are kept in any case.

    Attributes:
        patience: epochs without improvement before training stops.
        min_delta: the least decrease of the loss that counts as an improvement.
    """

    patience: Count = 10
    min_delta: Annotated[Number, Field(ge=0.0)] = 0.0


class TrainConfig(LaunchConfig):
    """Training.

    Attributes:
        workers: ranks, which exchange gradients through shared memory on one host and by Horovod between hosts; 1
            trains in the job's own process.
        batch_size: rows in a global batch, over all ranks.
        epochs: the most epochs.
        optimizer: a name or a section.
        loss: `auto` follows from the label: squared error or cross-entropy; else an entry of `pipeline/losses`, or
            `package.module:function`, from the target [b] and the output z [b, k] to the loss of each row, [b].
        class_weights: factors of the loss of training rows by their class: `balanced` gives all classes the same total
            weight; or a number for each class by name, 1 for those not named. Factors are scaled to have the mean 1
            over training rows.
        schedule: how the learning rate changes from `optimizer.learning_rate`, step by step; a name or a section.
        reduce_on_plateau: lower the learning rate when the validation loss no longer improves; None does not.
        find_learning_rate: try rates before training; None does not.
        early_stopping: when to stop before `epochs`; None trains all epochs.
        callbacks: called at the start and the end of epochs, in this order.
        tensorboard: write metrics for TensorBoard below `storage.root`.
        checkpoint: how often checkpoints are written; None writes none, and an interrupted run starts anew.
        metrics: measured on training and validation rows, besides the loss: entries of `pipeline/metrics`, classes of
            `keras.metrics`, or `package.module:name` of either; empty means those of the label's task. Their states
            must be sums over rows.
        steps_per_execution: steps between two returns to Python; `auto` measures how long a step takes.
        mixed_precision: what layers compute with; weights and losses stay float32. With `float16`, losses are scaled so
            that small gradients survive.
        threads: CPU threads of a rank; None divides the host's cores among its ranks, each of which then
            computes on cores of its own.
        feed_memory: bytes, or a text such as `2 GB`, of rows that a rank may hold on their way to the model, whatever
            the store's size. It bounds the window within which rows are shuffled where row groups are large.
        feed_threads: reader threads of a rank; None takes as many as it has cores, up to four.
        cache: where rows are kept after they were read, so that later epochs need not read and decode them: `memory`,
            or `disk`, a file on the rank's own disk that is deleted after the run. The order of rows is the same.
        cache_bytes: the most that a rank's cache holds; further rows are read anew in each epoch.
    """

    workers: Annotated[Integer, Field(ge=1, le=1024)] = 1
    batch_size: Count = 512
    epochs: Count = 20
    optimizer: OptimizerConfig = OptimizerConfig()
    loss: Annotated[str, entry_of(LOSSES, "auto")] = "auto"
    class_weights: Literal["none", "balanced"] | dict[str, Number] = "none"
    schedule: ScheduleConfig = ScheduleConfig()
    reduce_on_plateau: PlateauConfig | None = None
    find_learning_rate: RateFinderConfig | None = None
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    callbacks: tuple[CallbackConfig, ...] = ()
    tensorboard: bool = False
    checkpoint: CheckpointConfig | None = CheckpointConfig()
    metrics: Annotated[Columns, AfterValidator(_metrics_exist)] = ()
    steps_per_execution: Count | Literal["auto"] = "auto"
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    threads: Count | None = None
    feed_memory: Annotated[Size, Field(ge=LEAST_FEED_MEMORY)] = 1 << 30
    feed_threads: Annotated[Integer, Field(ge=1, le=64)] | None = None
    cache: Literal["none", "memory", "disk"] = "none"
    cache_bytes: Size = 4 << 30

    @model_validator(mode="after")
    def _adasum_pairs_ranks(self) -> TrainConfig:
        if self.optimizer.reduction == "adasum" and self.workers & (self.workers - 1):
            raise ValueError(
                f"optimizer.reduction: adasum pairs ranks: allowed are 1, 2, 4, 8 and so on. Received: {self.workers}. "
                "Change workers, or take reduction: mean"
            )
        return self

    @model_validator(mode="after")
    def _one_thing_moves_the_rate(self) -> TrainConfig:
        if self.reduce_on_plateau is not None and self.schedule != ScheduleConfig():
            raise ValueError(
                "reduce_on_plateau and schedule both change the learning rate: allowed is one of them. "
                f"Received: schedule {self.schedule.name} as well. Remove one"
            )
        return self

    @field_validator("optimizer", "schedule", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("class_weights", mode="before")
    @classmethod
    def _weights(cls, value: object) -> object:
        if isinstance(value, dict) and value:
            return {_class_name(name): _weight(name, weight) for name, weight in value.items()}
        if value not in ("none", "balanced"):
            raise ValueError(f"allowed are none, balanced, or a weight for each class by name. Received: {value!r}")
        return value


def _class_name(name: object) -> str:
    """Classes are texts; YAML reads `0` as a number, and `yes` as true."""
    if isinstance(name, bool) or name is None:
        raise ValueError(f"a class is named {name!r}, as YAML reads it: write the names of classes in quotes")
    return str(name)


def _weight(name: object, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0.0 <= weight < math.inf:
        raise ValueError(f"the weight of class {name!r} must be a number, 0 or more. Received: {weight!r}")
    return float(weight)
