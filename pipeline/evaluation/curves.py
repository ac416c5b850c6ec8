"""Areas and curves of scores, from counts of negative and positive rows by cell, ascending by score.

Rows of one cell count as ties, as equal scores do in scikit-learn. If a cell holds different scores, their order could
change an area by at most its error bound:

    AUC   half of the pairs of a negative and a positive row that share a cell, over all such pairs
    AP    by cell, the share of the positive rows in it, times how far precision may be from its estimate
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.report.classification import CURVE_POINTS, Curve

Floats = NDArray[np.float64]

NEGATIVE, POSITIVE = range(2)


def roc_area(counts: Floats) -> Floats:
    """Areas under ROC curves; NaN without negative or without positive rows.

    Args:
        counts: counts of negative and positive rows by cell, [..., 2, m].

    Returns:
        The areas, [...].
    """
    negatives, positives = counts[..., NEGATIVE, :], counts[..., POSITIVE, :]
    below = np.cumsum(negatives, axis=-1) - negatives / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (positives * below).sum(axis=-1) / (positives.sum(axis=-1) * negatives.sum(axis=-1))
    return area


def average_precision(counts: Floats) -> Floats:
    """Areas under precision-recall curves; NaN without positive rows. Arguments as above."""
    positives = counts[..., POSITIVE, ::-1]
    hits = np.cumsum(positives, axis=-1)
    predicted = np.cumsum(counts[..., ::-1].sum(axis=-2), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (positives * hits / np.maximum(predicted, 1.0)).sum(axis=-1) / positives.sum(axis=-1)
    return area


def roc_error_bound(counts: Floats) -> float:
    """The error bound of `roc_area`, from counts [2, m]."""
    negatives, positives = counts
    pairs = positives.sum() * negatives.sum()
    return float((positives * negatives).sum() / 2.0 / pairs) if pairs else 0.0


def precision_error_bound(counts: Floats) -> float:
    """The error bound of `average_precision`, from counts [2, m]."""
    negatives, positives = counts[NEGATIVE, ::-1], counts[POSITIVE, ::-1]
    hits, misses = np.cumsum(positives), np.cumsum(negatives)
    taken = hits / np.maximum(hits + misses, 1.0)
    best = hits / np.maximum(hits + misses - negatives, 1.0)
    first = hits - positives + 1.0
    worst = first / np.maximum(first + misses, 1.0)
    mixed = (positives > 0) & (negatives > 0)
    off = np.where(mixed, np.maximum(best - taken, taken - worst), 0.0)
    return float((positives * off).sum() / positives.sum()) if positives.sum() else 0.0


def roc_curve(counts: Floats) -> Curve | None:
    """True-positive over false-positive rate, from counts [2, m]; None without negative or without positive rows."""
    negatives, positives = counts[NEGATIVE, ::-1], counts[POSITIVE, ::-1]
    if not negatives.sum() or not positives.sum():
        return None
    x = np.concatenate([[0.0], np.cumsum(negatives) / negatives.sum()])
    y = np.concatenate([[0.0], np.cumsum(positives) / positives.sum()])
    return _thinned(x, y, along=x + y)


def precision_curve(counts: Floats) -> Curve | None:
    """Precision over recall, from counts [2, m]; None without positive rows."""
    positives = counts[POSITIVE, ::-1]
    if not positives.sum():
        return None
    hits, predicted = np.cumsum(positives), np.cumsum(counts[:, ::-1].sum(axis=0))
    defined = predicted > 0
    x, y = hits[defined] / positives.sum(), hits[defined] / predicted[defined]
    return _thinned(x, y, along=x + np.concatenate([[0.0], np.cumsum(np.abs(np.diff(y)))]))


def lift_curve(counts: Floats) -> Curve | None:
    """Lift over the share of rows, from counts [2, m]; None without positive rows."""
    positives, both = counts[POSITIVE, ::-1], counts[:, ::-1].sum(axis=0)
    if not positives.sum():
        return None
    hits, taken = np.cumsum(positives), np.cumsum(both)
    defined = taken > 0
    x = taken[defined] / both.sum()
    return _thinned(x, hits[defined] / positives.sum() / x, along=x)


def mean_curve(curves: list[Curve]) -> Curve | None:
    """The mean of ROC curves over the same false-positive rates."""
    if not curves:
        return None
    x = np.linspace(0.0, 1.0, CURVE_POINTS - 1)
    y = np.mean([np.interp(x, curve.x, curve.y) for curve in curves], axis=0)
    return Curve(x=(0.0, *x.tolist()), y=(0.0, *y.tolist()))


def _thinned(x: Floats, y: Floats, *, along: Floats) -> Curve:
    """At most `CURVE_POINTS` points, as evenly spaced along the curve as possible, both ends included."""
    if len(x) > CURVE_POINTS:
        indices = np.searchsorted(along, np.linspace(along[0], along[-1], CURVE_POINTS))
        indices[-1] = len(x) - 1
        kept = np.unique(np.minimum(indices, len(x) - 1))
        x, y = x[kept], y[kept]
    return Curve(x=tuple(x.tolist()), y=tuple(y.tolist()))
