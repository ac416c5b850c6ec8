"""What an evaluation reports of labels that are numbers: errors and how they are distributed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""At which errors are told."""


class Counts(Document):
    """A histogram.

    Attributes:
        edges: ascending, one more than counts; the outer bins also hold what lies beyond.
        counts: rows by bin; a bin holds its lower edge.
        below: rows of the first bin that lie below its edge.
        above: rows of the last bin that lie above its edge.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


class Grid(Document):
    """A histogram in two dimensions, over the same edges on both axes or not.

    Attributes:
        x_edges: ascending, one more than columns.
        y_edges: ascending, one more than rows of counts.
        counts: `counts[i][j]` rows lie in bin i of y and bin j of x.
        outside: rows that lie outside the edges, and so in no bin.
        log: whether both axes are to be logarithmic.
    """

    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    outside: int = 0
    log: bool = False


class RegressionReport(Document):
    """How a regression is wrong; an error is predicted minus actual, in the label's unit.

    Attributes:
        quantiles: error at each of `QUANTILES`, keyed `0.05`; of many rows within some 0.01 % of the exact one.
        absolute_quantiles: the same of |error|.
        errors: their histogram.
        predicted_over_actual: predicted (y) over actual values (x).
        error_over_predicted: errors (y) over predicted values (x).
        lowest: of the actual values; so are the next three.
        highest: of the actual values.
        lowest_predicted: the smallest prediction.
        highest_predicted: the largest one.
    """

    quantiles: Mapping[str, float] = {}
    absolute_quantiles: Mapping[str, float] = {}
    errors: Counts | None = None
    predicted_over_actual: Grid | None = None
    error_over_predicted: Grid | None = None
    lowest: float | None = None
    highest: float | None = None
    lowest_predicted: float | None = None
    highest_predicted: float | None = None
