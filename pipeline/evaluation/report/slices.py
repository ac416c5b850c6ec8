"""Metrics of the rows that share a value, value by value."""

from __future__ import annotations

from pipeline.evaluation.metric_names import Metrics
from pipeline.schemas.document import Document


class SliceValue(Document):
    """The rows that share a value.

    Attributes:
        value: the value for people: a text, `[low, high)` of a number, `(null)`, or `(others)`, the rest of the values.
        rows: number of rows that have it.
        metrics: metrics of the model on these rows.
    """

    value: str
    rows: int
    metrics: Metrics


class SliceReport(Document):
    """The rows, divided by a column or an expression.

    Attributes:
        by: the column or the expression.
        values: numbers in ascending order, texts by descending number of rows; `(others)` and `(null)` last.
    """

    by: str
    values: tuple[SliceValue, ...]
