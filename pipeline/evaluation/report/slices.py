"""Metrics of the rows that share a value, value by value."""

from __future__ import annotations

from pipeline.evaluation.metric_names import Metrics
from pipeline.schemas.document import Document


class SliceValue(Document):
    """The rows that share a value.

    Attributes:
        value: for people: a text, `[low, high)` of a number, `(null)`, or `(others)`, the rest of the values.
        rows: that have it.
        metrics: of the model on them.
    """

    value: str
    rows: int
    metrics: Metrics


class SliceReport(Document):
    """The rows, divided by a column or an expression.

    Attributes:
        by: the column or the expression.
        values: numbers ascending, texts by their rows; `(others)` and `(null)` last.
    """

    by: str
    values: tuple[SliceValue, ...]
