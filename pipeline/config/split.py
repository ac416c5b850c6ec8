"""How rows are divided into training, validation and test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Section


class SplitFractions(Section):
    """Shares of the rows; they add up to 1."""

    train: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    validation: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    test: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1

    @model_validator(mode="after")
    def _adds_up(self) -> SplitFractions:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"train, validation and test add up to {total:g}, not to 1")
        return self


class SplitConfig(Section):
    """How rows are divided.

    Attributes:
        method: `hash` decides by a stable hash of the key alone.
        fractions: shares of the rows.
    """

    method: Literal["hash"] = "hash"
    fractions: SplitFractions = SplitFractions()
