"""Areas and curves of scores, from counts by cell: rows of other classes and rows of the class, ascending by score.

Rows of one cell count as equal, as scikit-learn counts equal scores. Where a cell holds different scores, an area is
off by what their order could change at most, and that is told:

    AUC   half of all pairs of rows, one of either kind, that share a cell, over all pairs of rows of either kind
    AP    of each cell the share of the class, times how far precision can be from what it is taken for
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.report import CURVE_POINTS, Curve

Floats = NDArray[np.float64]

OTHERS, OWN = range(2)


def roc_area(counts: Floats) -> Floats:
    """Areas under ROC curves; NaN where rows of one kind are missing.

    Args:
        counts: [..., 2, m], others and own.

    Returns:
        [...].
    """
    others, own = counts[..., OTHERS, :], counts[..., OWN, :]
    below = np.cumsum(others, axis=-1) - others / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (own * below).sum(axis=-1) / (own.sum(axis=-1) * others.sum(axis=-1))
    return area


def average_precision(counts: Floats) -> Floats:
    """Areas under precision-recall curves; NaN without rows of the class. Arguments as above."""
    own = counts[..., OWN, ::-1]
    hits = np.cumsum(own, axis=-1)
    predicted = np.cumsum(counts[..., ::-1].sum(axis=-2), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (own * hits / np.maximum(predicted, 1.0)).sum(axis=-1) / own.sum(axis=-1)
    return area


def roc_error_bound(counts: Floats) -> float:
    """By how much `roc_area` of [2, m] may be off."""
    others, own = counts
    pairs = own.sum() * others.sum()
    return float((own * others).sum() / 2.0 / pairs) if pairs else 0.0


def precision_error_bound(counts: Floats) -> float:
    """By how much `average_precision` of [2, m] may be off."""
    others, own = counts[OTHERS, ::-1], counts[OWN, ::-1]
    hits, misses = np.cumsum(own), np.cumsum(others)
    taken = hits / np.maximum(hits + misses, 1.0)
    best = hits / np.maximum(hits + misses - others, 1.0)
    first = hits - own + 1.0
    worst = first / np.maximum(first + misses, 1.0)
    mixed = (own > 0) & (others > 0)
    off = np.where(mixed, np.maximum(best - taken, taken - worst), 0.0)
    return float((own * off).sum() / own.sum()) if own.sum() else 0.0


def roc_curve(counts: Floats) -> Curve | None:
    """True-positive over false-positive rate of [2, m]; None where rows of one kind are missing."""
    others, own = counts[OTHERS, ::-1], counts[OWN, ::-1]
    if not others.sum() or not own.sum():
        return None
    x = np.concatenate([[0.0], np.cumsum(others) / others.sum()])
    y = np.concatenate([[0.0], np.cumsum(own) / own.sum()])
    return _thinned(x, y, along=x + y)


def precision_curve(counts: Floats) -> Curve | None:
    """Precision over recall of [2, m]; None without rows of the class."""
    own = counts[OWN, ::-1]
    if not own.sum():
        return None
    hits, predicted = np.cumsum(own), np.cumsum(counts[:, ::-1].sum(axis=0))
    known = predicted > 0
    x, y = hits[known] / own.sum(), hits[known] / predicted[known]
    return _thinned(x, y, along=x + np.concatenate([[0.0], np.cumsum(np.abs(np.diff(y)))]))


def lift_curve(counts: Floats) -> Curve | None:
    """Lift over the share of rows of [2, m]; None without rows of the class."""
    own, both = counts[OWN, ::-1], counts[:, ::-1].sum(axis=0)
    if not own.sum():
        return None
    hits, taken = np.cumsum(own), np.cumsum(both)
    known = taken > 0
    x = taken[known] / both.sum()
    return _thinned(x, hits[known] / own.sum() / x, along=x)


def mean_curve(curves: list[Curve]) -> Curve | None:
    """The mean of ROC curves over the same false-positive rates."""
    if not curves:
        return None
    x = np.linspace(0.0, 1.0, CURVE_POINTS - 1)
    y = np.mean([np.interp(x, curve.x, curve.y) for curve in curves], axis=0)
    return Curve(x=(0.0, *x.tolist()), y=(0.0, *y.tolist()))


def _thinned(x: Floats, y: Floats, *, along: Floats) -> Curve:
    """Points as evenly along the curve as there are some, its ends among them."""
    if len(x) > CURVE_POINTS:
        places = np.searchsorted(along, np.linspace(along[0], along[-1], CURVE_POINTS))
        places[-1] = len(x) - 1
        kept = np.unique(np.minimum(places, len(x) - 1))
        x, y = x[kept], y[kept]
    return Curve(x=tuple(x.tolist()), y=tuple(y.tolist()))
