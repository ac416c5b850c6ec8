"""What an evaluation keeps of the rows of a regression: sums, counts and extreme rows.

An error is predicted minus actual. Labels are kept as count, mean and sum of squared deviations by group, which are
merged as Chan, Golub and LeVeque do (The American Statistician, 1983): sums of squared labels would lose all digits of
labels that are large and close together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap_groups import sums_by_group, weighted_sums
from pipeline.evaluation.extreme_rows import ExtremeRows, merge_extreme_rows
from pipeline.evaluation.plot_window import PlotWindow
from pipeline.evaluation.sketch import Sketch, absolute, merge_sketches, quantiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS, ABSOLUTE, SQUARED, SIGNED, RELATIVE, ZEROS = range(6)
"""Columns of `RegressionAccumulator.sums`."""
NORMAL_95 = 1.959963984540054
"""Standard deviations on either side of the mean between which 95 % of a normal distribution lie."""
EPSILON = float(np.finfo(np.float64).eps)
MEDIANS = ("median_error", "median_absolute_error")
CELLS = 1 << 17
"""The largest number of cells in the sketch of errors."""
COARSE_CELLS, COARSE_SHIFT = 4096, 46
"""The same for the sketch of errors by prediction, whose cells are at least 1.6 % of an error wide."""


@dataclass(frozen=True)
class RegressionAccumulator:
    """n rows.

    Attributes:
        sums: sums by group, [g, 6], columns as above; RELATIVE as in scikit-learn's MAPE, ZEROS counts labels of 0.
        mean: mean of the labels by group, [g].
        deviations: sums of (label - mean) squared by group, [g].
        errors: sketch of errors, with one kind of rows.
        by_prediction: sketch of errors; the kind of a row is the bin of its prediction, the last one for those outside.
        grid: number of rows by the bins of prediction and label, [b + 1, b + 1].
        ranges: lowest and highest label, lowest and highest prediction; infinite without rows.
        extreme_rows: rows by |error|, with label and prediction.
    """

    sums: Floats
    mean: Floats
    deviations: Floats
    errors: Sketch
    by_prediction: Sketch
    grid: Ints
    ranges: Floats
    extreme_rows: ExtremeRows

    @property
    def rows(self) -> int:
        """n, the number of rows."""
        return int(self.sums[:, ROWS].sum())


def accumulate_regression(
    row_id: Ints, label: Floats, prediction: Floats, group: Ints, *, groups: int, window: PlotWindow
) -> RegressionAccumulator:
    """Accumulate n rows.

    Args:
        row_id: hashes of the rows, [n].
        label: labels in their own unit, [n].
        prediction: finite predictions, [n].
        group: the bootstrap group of each row, [n], below `groups`.
        groups: g, the number of bootstrap groups.
        window: bins of labels and predictions.
    """
    error = prediction - label
    size = np.abs(error)
    relative = size / np.maximum(np.abs(label), EPSILON)
    terms = np.column_stack([np.ones_like(size), size, size * size, error, relative, label == 0.0])
    sums = sums_by_group(group, terms, groups)
    mean = sums_by_group(group, label[:, None], groups)[:, 0] / np.maximum(sums[:, ROWS], 1.0)
    deviations = sums_by_group(group, ((label - mean[group]) ** 2)[:, None], groups)[:, 0]
    none, bins = np.zeros(len(error), np.int64), window.bins + 1
    predicted, actual = window.bins_of(prediction), window.bins_of(label)
    grid = np.bincount(predicted * bins + actual, minlength=bins * bins).reshape(bins, bins)
    return RegressionAccumulator(
        sums,
        mean,
        deviations,
        Sketch.of(error, none, 1, limit=CELLS),
        Sketch.of(error, predicted, bins, limit=COARSE_CELLS, shift=COARSE_SHIFT),
        grid,
        _ranges(label, prediction),
        ExtremeRows.of(row_id, np.column_stack([size, label, prediction])),
    )


def merge_regression_accumulators(parts: Sequence[RegressionAccumulator]) -> RegressionAccumulator:
    """The accumulator of all rows together, of at least one part."""
    sums = np.sum([part.sums for part in parts], axis=0)
    rows = np.stack([part.sums[:, ROWS] for part in parts])
    means = np.stack([part.mean for part in parts])
    mean = (rows * means).sum(axis=0) / np.maximum(sums[:, ROWS], 1.0)
    between = (rows * (means - mean) ** 2).sum(axis=0)
    ranges = np.stack([part.ranges for part in parts])
    return RegressionAccumulator(
        sums,
        mean,
        np.sum([part.deviations for part in parts], axis=0) + between,
        merge_sketches([part.errors for part in parts]),
        merge_sketches([part.by_prediction for part in parts]),
        np.sum([part.grid for part in parts], axis=0),
        np.where([True, False, True, False], ranges.min(axis=0), ranges.max(axis=0)),
        merge_extreme_rows([part.extreme_rows for part in parts]),
    )


def regression_replicates(accumulator: RegressionAccumulator, weights: Floats) -> dict[str, Floats]:
    """Metrics of replicates, [r] each; NaN where undefined.

    Args:
        accumulator: the accumulator of the rows.
        weights: how often each group counts in each replicate, [r, g].
    """
    sums = weighted_sums(weights, accumulator.sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums / sums[:, [ROWS]]
        squared = _squared_deviations(accumulator, weights, sums[:, ROWS])
        return {
            "mae": means[:, ABSOLUTE],
            "rmse": np.sqrt(means[:, SQUARED]),
            "mse": means[:, SQUARED],
            "r2": np.where(squared > _rounding_error(accumulator), 1.0 - sums[:, SQUARED] / squared, np.nan),
            "mean_error": means[:, SIGNED],
            "mape": np.where(sums[:, ZEROS] > 0.0, np.nan, means[:, RELATIVE]),
        }


@dataclass(frozen=True)
class Median:
    """A median over many rows.

    Attributes:
        value: the median.
        error_bound: how far it may be off, because it is computed from cells.
        interval: its 95 % interval, from order statistics: the number of rows below the true median is binomial with
            probability 1/2.
    """

    value: float
    error_bound: float
    interval: tuple[float, float]


def medians_of(errors: Sketch) -> dict[str, Median]:
    """The median error and the median absolute error of at least one row."""
    return dict(zip(MEDIANS, (_median(errors), _median(absolute(errors))), strict=True))


def _median(sketch: Sketch) -> Median:
    apart = NORMAL_95 / 2.0 / np.sqrt(sketch.counts.sum())
    (low, value, high), (_, error_bound, _) = quantiles(sketch, [max(0.5 - apart, 0.0), 0.5, min(0.5 + apart, 1.0)])
    return Median(float(value), float(error_bound), (float(low), float(high)))


def _squared_deviations(accumulator: RegressionAccumulator, weights: Floats, rows: Floats) -> Floats:
    """Sums of (label - mean of the replicate) squared, [r]."""
    counts = accumulator.sums[:, ROWS]
    shift = accumulator.mean[counts > 0].mean() if counts.any() else 0.0
    centred = accumulator.mean - shift
    mean = weights @ (counts * centred) / rows
    within = weights @ accumulator.deviations
    between = np.stack([line @ (counts * (centred - m) ** 2) for line, m in zip(weights, mean, strict=True)])
    total: Floats = within + between
    return total


def _rounding_error(accumulator: RegressionAccumulator) -> float:
    """The largest sum of squared deviations that rounding the mean of equal labels can give."""
    size = np.abs(accumulator.ranges[:2]).max()
    return float(accumulator.rows * (4.0 * EPSILON * size) ** 2) if accumulator.rows else 0.0


def _ranges(label: Floats, prediction: Floats) -> Floats:
    if not len(label):
        return np.array([np.inf, -np.inf, np.inf, -np.inf])
    return np.array([label.min(), label.max(), prediction.min(), prediction.max()])
