"""The documents of a regression: errors and their distribution."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of the rows at which quantiles of errors are reported."""


class Counts(Document):
    """A histogram.

    Attributes:
        edges: edges of bins, ascending, one more than counts; the outer bins also hold what lies beyond.
        counts: number of rows by bin; a bin includes its lower edge.
        below: number of rows of the first bin that lie below its edge.
        above: number of rows of the last bin that lie above its edge.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


class Grid(Document):
    """A histogram in two dimensions.

    Attributes:
        x_edges: edges of columns, ascending, one more than columns.
        y_edges: edges of rows of counts, ascending, one more than rows.
        counts: `counts[i][j]` rows lie in bin i of y and bin j of x.
        outside: number of rows outside of the edges, in no bin.
        log: whether both axes are to be logarithmic.
    """

    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    outside: int = 0
    log: bool = False


class RegressionReport(Document):
    """The errors of a regression; an error is predicted minus actual, in the label's unit.

    Attributes:
        quantiles: error at each of `QUANTILES`, keyed `0.05`; for many rows within some 0.01 % of the exact one.
        absolute_quantiles: the same of |error|.
        errors: histogram of errors.
        predicted_over_actual: predicted (y) over actual values (x).
        error_over_predicted: errors (y) over predicted values (x).
        lowest: the smallest actual value.
        highest: the largest actual value.
        lowest_predicted: the smallest prediction.
        highest_predicted: the largest prediction.
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
