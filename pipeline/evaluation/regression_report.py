"""The part of a report about labels that are numbers, from their accumulator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.regression_accumulator import RegressionAccumulator
from pipeline.evaluation.report.regression import QUANTILES, Counts, Grid, RegressionReport
from pipeline.evaluation.sketch import absolute, quantiles

Floats = NDArray[np.float64]

ERROR_BINS = 60


def regression_of(accumulator: RegressionAccumulator, edges: Floats, *, log: bool) -> RegressionReport:
    """The errors of a regression.

    Args:
        accumulator: the accumulator of the rows.
        edges: edges of its window.
        log: whether the edges have equal ratios.
    """
    if not accumulator.rows:
        return RegressionReport()
    signed, _ = quantiles(accumulator.errors, QUANTILES)
    sizes, _ = quantiles(absolute(accumulator.errors), QUANTILES)
    bins, inside = tuple(edges.tolist()), accumulator.grid[:-1, :-1]
    reach = _reach(accumulator)
    low, high, low_predicted, high_predicted = accumulator.ranges.tolist()
    return RegressionReport(
        quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, signed, strict=True)},
        absolute_quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, sizes, strict=True)},
        errors=_error_histogram(accumulator, reach),
        predicted_over_actual=Grid(
            x_edges=bins,
            y_edges=bins,
            counts=tuple(tuple(row) for row in inside.tolist()),
            outside=int(accumulator.rows - inside.sum()),
            log=log,
        ),
        error_over_predicted=_error_grid(accumulator, edges, reach),
        lowest=low,
        highest=high,
        lowest_predicted=low_predicted,
        highest_predicted=high_predicted,
    )


def _reach(accumulator: RegressionAccumulator) -> float:
    """How far from 0 histograms reach: over 99 % of the errors, unless a few outliers would flatten the rest."""
    low, lower, upper, high = quantiles(accumulator.errors, [0.005, 0.25, 0.75, 0.995])[0].tolist()
    reach, interquartile = max(abs(low), abs(high)), upper - lower
    return 1.02 * (min(reach, max(abs(lower), abs(upper)) + 8.0 * interquartile) if interquartile else reach) or 1.0


def _error_histogram(accumulator: RegressionAccumulator, reach: float) -> Counts:
    bins = int(np.clip(2 * np.sqrt(accumulator.rows), 11, ERROR_BINS))
    edges = np.linspace(-reach, reach, bins + 1)
    values, rows = accumulator.errors.middle, accumulator.errors.counts[:, 0]
    indices = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(indices, weights=rows, minlength=bins).astype(np.int64)
    below, above = int(rows[values < edges[0]].sum()), int(rows[values > edges[-1]].sum())
    return Counts(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), below=below, above=above)


def _error_grid(accumulator: RegressionAccumulator, edges: Floats, reach: float) -> Grid:
    """Errors (y) over predictions (x)."""
    heights = np.linspace(-reach, reach, len(edges))
    values, bins = accumulator.by_prediction.middle, len(edges) - 1
    indices = np.searchsorted(heights, values, side="right") - 1
    kept = (indices >= 0) & (indices < bins)
    counts = np.zeros((bins, bins), np.int64)
    np.add.at(counts, indices[kept], accumulator.by_prediction.counts[kept, :bins])
    return Grid(
        x_edges=tuple(edges.tolist()),
        y_edges=tuple(heights.tolist()),
        counts=tuple(tuple(row) for row in counts.tolist()),
        outside=int(accumulator.rows - counts.sum()),
    )
