"""How often the rows of each class are trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.schemas.section import Number, Section


class SamplingConfig(Section):
    """Training rows are resampled by class: fewer of frequent classes, or more of rare ones.

    Features are fitted before, and metrics are measured on rows as they are; the probabilities of a model trained on
    resampled rows lean towards the rare classes. `train.class_weights` does the same without changing rows.

    Attributes:
        method: `down` leaves out rows of frequent classes, `up` repeats rows of rare ones.
        ratio: the least ratio, after sampling, of the rows of any class to those of the most frequent one: 1 makes all
            classes equally frequent, 0.5 leaves the rarest half as frequent. A hash draws the rows, so the ratio is
            met on average.
    """

    method: Literal["none", "down", "up"] = "none"
    ratio: Annotated[Number, Field(gt=0.0, le=1.0)] = 1.0

    @model_validator(mode="after")
    def _ratio_has_a_method(self) -> SamplingConfig:
        if self.method == "none" and self.has_changed("ratio"):
            raise ValueError("ratio goes with method: down or up")
        return self
