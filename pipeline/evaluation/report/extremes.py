"""The rows that a model is most wrong and most right about."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document


class ExtremeRow(Document):
    """A row that the model is very wrong or very right about.

    Attributes:
        row_id: its hash.
        label: in its unit, or the name of the class.
        prediction: in its unit, or the name of the class.
        error: predicted minus actual; for classes the loss of the row, -log(probability of its own class).
        probability: of the class that it belongs to; None for a regression.
        values: of the source's columns, as they are; None is null. Empty where the source cannot be read again.
    """

    row_id: int
    label: float | str
    prediction: float | str
    error: float
    probability: float | None = None
    values: Mapping[str, str | None] = {}


class Extremes(Document):
    """The rows at both ends.

    Attributes:
        worst: the largest errors (|error|, or loss) first.
        best: the smallest ones first.
    """

    worst: tuple[ExtremeRow, ...] = ()
    best: tuple[ExtremeRow, ...] = ()
