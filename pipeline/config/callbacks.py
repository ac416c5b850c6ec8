"""What happens around the epochs of a training."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from pipeline.schemas.section import Count, Integer, Number, Section

TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class PlateauConfig(Section):
    """Lower the learning rate when the monitored loss no longer improves.

    Attributes:
        factor: that the rate is multiplied by.
        patience: epochs without improvement that are waited for.
        min_delta: what counts as an improvement.
        cooldown: epochs after a change that do not count.
        lowest: rate below which it does not go.
    """

    factor: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.5
    patience: Count = 5
    min_delta: Annotated[Number, Field(ge=0.0)] = 0.0
    cooldown: Annotated[Integer, Field(ge=0)] = 0
    lowest: Annotated[Number, Field(ge=0.0)] = 0.0


class RateFinderConfig(Section):
    """Take some steps with a rising learning rate first, see where the loss falls fastest, and forget them.

    Attributes:
        lowest: first rate.
        highest: last rate; the loss usually explodes before, which ends it.
        steps: between the two, each the same factor apart.
        apply: train with the rate that was found instead of `optimizer.learning_rate`.
    """

    lowest: Annotated[Number, Field(gt=0.0)] = 1e-6
    highest: Annotated[Number, Field(gt=0.0)] = 1.0
    steps: Annotated[Integer, Field(ge=10, le=10_000)] = 100
    apply: bool = False

    @model_validator(mode="after")
    def _rises(self) -> RateFinderConfig:
        if self.lowest >= self.highest:
            raise ValueError(
                f"find_learning_rate goes up: lowest must be less than highest. Received: {self.lowest}, {self.highest}"
            )
        return self


class CallbackConfig(Section):
    """A Keras callback of the user's own.

    Attributes:
        target: `package.module:Class`, importable by every rank.
        options: what the class is called with.
    """

    target: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _target_alone(cls, value: object) -> object:
        return {"target": value} if isinstance(value, str) else value

    @field_validator("target")
    @classmethod
    def _names_a_class(cls, value: str) -> str:
        if not TARGET.fullmatch(value):
            raise ValueError(f"allowed is package.module:Class. Received: {value!r}")
        return value
