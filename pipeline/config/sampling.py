"""How often the rows of each class are trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.schemas.section import Number, Section


class SamplingConfig(Section):
    """Fewer rows of frequent classes, or rare ones several times; of training rows only.

    Metrics stay those of the data as it is, and so do the features, which are fitted before; the probabilities of a
    model that is trained so lean towards the rare classes. `train.class_weights` does the like without changing rows.

    Attributes:
        method: `down` leaves out rows of frequent classes, `up` repeats rows of rare ones.
        ratio: rows of the rarest class for each of the most frequent one afterwards, at least: 1 makes classes equally
            frequent, 0.5 leaves the rarest half as frequent as the most frequent one. What a hash decides comes out so
            on average.
    """

    method: Literal["none", "down", "up"] = "none"
    ratio: Annotated[Number, Field(gt=0.0, le=1.0)] = 1.0

    @model_validator(mode="after")
    def _ratio_has_a_method(self) -> SamplingConfig:
        if self.method == "none" and self.has_changed("ratio"):
            raise ValueError("ratio goes with method: down or up")
        return self
