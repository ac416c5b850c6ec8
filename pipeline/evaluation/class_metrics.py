"""Metrics of a classification from counts and sums, as scikit-learn defines them; NaN where undefined.

Every function computes all replicates at once, along the first dimension. The precision of a class that is never
predicted is undefined, and so is the recall of a class without rows; means over classes leave these out, as
scikit-learn's do with `zero_division=nan`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap_groups import weighted_sums
from pipeline.evaluation.class_accumulator import (
    ACTUAL,
    BIN_ROWS,
    BIN_SCORES,
    BIN_TRUE,
    BRIER,
    LOSS,
    PREDICTED,
    RIGHT,
    ROWS,
    ClassAccumulator,
)
from pipeline.evaluation.curves import average_precision, precision_error_bound, roc_area, roc_error_bound
from pipeline.evaluation.sketch import Sketch, merge_sketches

Floats = NDArray[np.float64]

BETAS = {"f1": 1.0, "f2": 2.0, "f0.5": 0.5}


def class_replicates(accumulator: ClassAccumulator, weights: Floats) -> dict[str, Floats]:
    """Metrics of replicates, [r] each, except for areas under curves.

    Args:
        accumulator: the accumulator of the rows.
        weights: how often each group counts in each replicate, [r, g].
    """
    sums, counts = weighted_sums(weights, accumulator.sums), weighted_sums(weights, accumulator.counts)
    rows = sums[:, ROWS]
    with _undefined():
        accuracy = counts[:, RIGHT].sum(axis=1) / rows
        metrics = {
            "accuracy": accuracy,
            "error_rate": 1.0 - accuracy,
            "null_error_rate": 1.0 - counts[:, ACTUAL].max(axis=1) / rows,
            "balanced_accuracy": np.nanmean(rates(counts)["recall"], axis=1),
            "log_loss": sums[:, LOSS] / rows,
            "brier": sums[:, BRIER] / rows,
            "calibration_error": calibration_error(weighted_sums(weights, accumulator.calibration)),
        }
        if counts.shape[2] > 2:
            return metrics | _over_classes(counts)
        return metrics | {name: values[:, 1] for name, values in rates(counts).items()}


def rates(counts: Floats) -> dict[str, Floats]:
    """Metrics of each class against all others, [r, k] each.

    Args:
        counts: number of rows that belong to a class, that were predicted as it, and both, [r, 3, k].
    """
    actual, predicted, right = counts[:, ACTUAL], counts[:, PREDICTED], counts[:, RIGHT]
    others = actual.sum(axis=1, keepdims=True) - actual
    wrong = predicted - right
    with np.errstate(divide="ignore", invalid="ignore"):
        metrics = {
            "prevalence": actual / actual.sum(axis=1, keepdims=True),
            "precision": right / predicted,
            "recall": right / actual,
            "specificity": 1.0 - wrong / others,
            "false_positive_rate": wrong / others,
        }
        for name, beta in BETAS.items():
            metrics[name] = (1.0 + beta**2) * right / (beta**2 * actual + predicted)
        return metrics


def calibration_error(bins: Floats) -> Floats:
    """The expected calibration error [r] of sums by bin [r, bins, 3]."""
    rows = bins[..., BIN_ROWS]
    error: Floats = np.abs(bins[..., BIN_SCORES] - bins[..., BIN_TRUE]).sum(axis=-1) / rows.sum(axis=-1)
    return error


def counts_of(sketch: Sketch) -> Floats:
    """Counts by cell of other rows and rows of the class, [2, m], as `curves` takes them."""
    return np.ascontiguousarray(sketch.counts.T).astype(np.float64)


def micro(accumulator: ClassAccumulator) -> Floats:
    """Counts by cell of all pairs of row and class, [2, m], without merging any cells."""
    room = sum(sketch.limit for sketch in accumulator.scores)
    return counts_of(merge_sketches([replace(sketch, limit=room) for sketch in accumulator.scores]))


def class_areas(accumulator: ClassAccumulator) -> tuple[Floats, Floats]:
    """AUC [c] and average precision [c] of each score; NaN where undefined."""
    counts = [counts_of(sketch) for sketch in accumulator.scores]
    return (
        np.array([float(roc_area(line)) for line in counts]),
        np.array([float(average_precision(line)) for line in counts]),
    )


def area_metrics(accumulator: ClassAccumulator) -> tuple[dict[str, float], dict[str, float]]:
    """Areas under curves, NaN where undefined, and the error bounds of those that are not exact.

    Of several classes, `auc` and `average_precision` are means over the classes that define them.
    """
    auc, precision = class_areas(accumulator)
    counts = [counts_of(sketch) for sketch in accumulator.scores]
    error_bounds = np.array([[roc_error_bound(line), precision_error_bound(line)] for line in counts])
    error_bounds[[sketch.shift == 0 for sketch in accumulator.scores]] = 0.0
    with _undefined():
        areas = {"auc": float(np.nanmean(auc)), "average_precision": float(np.nanmean(precision))}
        bounds = {
            "auc": float(np.nanmean(np.where(np.isnan(auc), np.nan, error_bounds[:, 0]))),
            "average_precision": float(np.nanmean(np.where(np.isnan(precision), np.nan, error_bounds[:, 1]))),
        }
        if len(accumulator.scores) > 1:
            share = accumulator.confusion.sum(axis=1) / max(accumulator.rows, 1)
            pooled = micro(accumulator)
            areas |= {
                "auc_weighted": float(_weighted(auc, share)),
                "auc_micro": float(roc_area(pooled)),
                "average_precision_micro": float(average_precision(pooled)),
            }
            bounds["auc_weighted"] = float(_weighted(np.where(np.isnan(auc), np.nan, error_bounds[:, 0]), share))
            if error_bounds.any():
                bounds |= {
                    "auc_micro": roc_error_bound(pooled),
                    "average_precision_micro": precision_error_bound(pooled),
                }
    return areas, {name: bound for name, bound in bounds.items() if bound > 0.0}


def area_replicates(accumulator: ClassAccumulator, weights: Floats, exact: dict[str, float]) -> dict[str, Floats]:
    """Areas of replicates, [r] each: deviations from the area of coarse cells, added to the `exact` area."""
    if not accumulator.cells.shape[-1]:
        return {}
    cells = weighted_sums(weights, accumulator.cells)
    with _undefined():
        areas = {"auc": np.nanmean(roc_area(cells), axis=1)}
        areas["average_precision"] = np.nanmean(average_precision(cells), axis=1)
        if cells.shape[1] > 1:
            share = cells[:, :, 1].sum(axis=-1)
            areas["auc_weighted"] = _weighted(roc_area(cells), share / share.sum(axis=1, keepdims=True))
            areas["auc_micro"] = roc_area(cells.sum(axis=1))
            areas["average_precision_micro"] = average_precision(cells.sum(axis=1))
        return {name: np.clip(values - values[0] + exact[name], 0.0, 1.0) for name, values in areas.items()}


def _over_classes(counts: Floats) -> dict[str, Floats]:
    metrics = rates(counts)
    share = metrics.pop("prevalence")
    means = {f"{name}_macro": np.nanmean(values, axis=1) for name, values in metrics.items()}
    return means | {f"{name}_weighted": _weighted(metrics[name], share) for name in ("precision", "f1")}


def _weighted(values: Floats, share: Floats) -> Floats:
    """Means over the last axis, weighted by share, of the values that are defined."""
    weight = np.where(np.isnan(values), 0.0, share)
    mean: Floats = (np.nan_to_num(values) * weight).sum(axis=-1) / weight.sum(axis=-1)
    return mean


@contextmanager
def _undefined() -> Iterator[None]:
    """Let 0 / 0 and the mean of nothing be NaN, without a warning."""
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        yield
