"""What happens around the epochs of a training run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.registry import REFERENCE, referenced
from pipeline.schemas.references import is_imported
from pipeline.schemas.section import Count, Integer, Number, Section


class PlateauConfig(Section):
    """Lower the learning rate when the monitored loss no longer improves.

    Attributes:
        factor: multiplies the rate.
        patience: epochs without improvement before the rate is lowered.
        min_delta: the least decrease of the loss that counts as an improvement.
        cooldown: epochs after a change of the rate that are not counted.
        lowest: the rate is never lowered below this.
    """

    factor: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.5
    patience: Count = 5
    min_delta: Annotated[Number, Field(ge=0.0)] = 0.0
    cooldown: Annotated[Integer, Field(ge=0)] = 0
    lowest: Annotated[Number, Field(ge=0.0)] = 0.0


class RateFinderConfig(Section):
    """Before training, take some steps with a rising learning rate, find where the loss falls fastest, and undo them.

    Attributes:
        lowest: the first rate.
        highest: the last rate; the loss usually diverges before it is reached, which ends the steps.
        steps: how many; the rate grows by the same factor with each.
        apply: whether to train with this rate instead of `optimizer.learning_rate`.
    """

    lowest: Annotated[Number, Field(gt=0.0)] = 1e-6
    highest: Annotated[Number, Field(gt=0.0)] = 1.0
    steps: Annotated[Integer, Field(ge=10, le=10_000)] = 100
    apply: bool = False

    @model_validator(mode="after")
    def _rises(self) -> RateFinderConfig:
        if self.lowest >= self.highest:
            raise ValueError(
                f"find_learning_rate: lowest must be less than highest. Received: {self.lowest} and {self.highest}"
            )
        return self


class CallbackConfig(Section):
    """A Keras callback of the user's own.

    Attributes:
        target: `package.module:Class`, importable by every rank.
        options: keyword arguments of the class.
    """

    target: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _target_alone(cls, value: object) -> object:
        return {"target": value} if isinstance(value, str) else value

    @field_validator("target")
    @classmethod
    def _names_a_class(cls, value: str, info: ValidationInfo) -> str:
        if not REFERENCE.fullmatch(value):
            raise ValueError(f"allowed is package.module:Class. Received: {value!r}")
        if is_imported(info):
            referenced("callback", value)
        return value
