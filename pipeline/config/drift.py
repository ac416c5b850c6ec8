"""How much other data may differ from the training rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.schemas.section import Fraction, Number, Section

Index = Annotated[Number, Field(ge=0.0)]


class DriftConfig(Section):
    """Limits for every column; `null` for no limit.

    Attributes:
        psi_warn: a population stability index above this is logged as a warning; below 0.1 is usually read as no
            change, above 0.25 as a large one.
        psi_stop: an index above this stops the job.
        new_category_warn: a share of rows with categories unseen in training that is logged as a warning when exceeded.
        new_category_stop: a share that stops the job when exceeded.
    """

    psi_warn: Index | None = 0.1
    psi_stop: Index | None = None
    new_category_warn: Fraction | None = 0.01
    new_category_stop: Fraction | None = None
