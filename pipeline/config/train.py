"""How the network is trained, and on how many processes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pipeline.config.base import Count, Integer, Number, Section

OptimizerName = Literal["adam", "adamw", "nadam", "rmsprop", "sgd", "adagrad", "adadelta", "lion"]


class OptimizerConfig(Section):
    """A Keras optimizer.

    Attributes:
        name: which one.
        learning_rate: used as given, whatever the number of workers.
        momentum: of `sgd` only.
    """

    name: OptimizerName = "adam"
    learning_rate: Annotated[Number, Field(gt=0.0)] = 1e-3
    momentum: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0


class EarlyStoppingConfig(Section):
    """Stop when the validation loss no longer improves; the best weights are kept in any case.

    Attributes:
        patience: epochs without improvement that are waited for.
        min_delta: what counts as an improvement.
    """

    patience: Count = 10
    min_delta: Annotated[Number, Field(ge=0.0)] = 0.0


class TrainConfig(Section):
    """Training.

    Attributes:
        workers: Horovod ranks; 1 trains in the job's own process.
        batch_size: rows of one global step, over all ranks.
        epochs: at most this many.
        optimizer: a name or a section.
        loss: `auto` follows from the label: squared error or cross-entropy.
        early_stopping: None trains all epochs.
        steps_per_execution: steps that run between two returns to Python.
        threads: CPU threads of a rank; None divides the host's cores among its ranks.
    """

    workers: Annotated[Integer, Field(ge=1, le=1024)] = 1
    batch_size: Count = 512
    epochs: Count = 20
    optimizer: OptimizerConfig = OptimizerConfig()
    loss: Literal["auto", "mse", "mae", "huber", "cross_entropy"] = "auto"
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    steps_per_execution: Count = 16
    threads: Count | None = None

    @field_validator("optimizer", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value
