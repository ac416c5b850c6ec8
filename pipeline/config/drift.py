"""How much other data may differ from the training rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.schemas.section import Fraction, Number, Section

Index = Annotated[Number, Field(ge=0.0)]


class DriftConfig(Section):
    """Limits for every column; `null` for no limit.

    Attributes:
        psi_warn: a population stability index above it is logged; below 0.1 is usually read as no change, above 0.25 as
            a large one.
        psi_stop: an index above it stops the job.
        new_category_warn: a share of rows with categories that training did not have, above which it is logged.
        new_category_stop: a share above which the job stops.
    """

    psi_warn: Index | None = 0.1
    psi_stop: Index | None = None
    new_category_warn: Fraction | None = 0.01
    new_category_stop: Fraction | None = None
