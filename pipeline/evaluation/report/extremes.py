"""The rows with the largest and the smallest errors."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document


class ExtremeRow(Document):
    """A row with a very large or a very small error.

    Attributes:
        row_id: hash of the row.
        label: the label in its unit, or the name of the class.
        prediction: the prediction in the label's unit, or the name of the class.
        error: predicted minus actual; for classes the loss of the row, -log(probability of its class).
        probability: predicted probability of the class that it belongs to; None for a regression.
        values: values in the source by column; None is null. Empty if the source cannot be read again.
    """

    row_id: int
    label: float | str
    prediction: float | str
    error: float
    probability: float | None = None
    values: Mapping[str, str | None] = {}


class Extremes(Document):
    """The rows with the largest and the smallest errors.

    Attributes:
        worst: rows with the largest errors (|error|, or loss), the largest first.
        best: rows with the smallest errors, the smallest first.
    """

    worst: tuple[ExtremeRow, ...] = ()
    best: tuple[ExtremeRow, ...] = ()
