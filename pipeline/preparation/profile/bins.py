"""Bins of numbers: of histograms for people, and for the comparison with later data."""

from __future__ import annotations

import numpy as np

from pipeline.arrays.values import Values
from pipeline.schemas.profile import Bins, Histogram

HISTOGRAM_BINS = 20
COMPARED_BINS = 10
TAILS = (0.01, 0.99)
WIDE = 2.0
"""Bins end at the outer quantiles where the range is so many times wider, so that outliers do not empty the bins."""


def histogram_of(values: Values) -> Histogram | None:
    """A bin for each value where there are few, else bins of equal width.

    Args:
        values: finite, ascending.
    """
    if not len(values):
        return None
    distinct = np.unique(values)
    if len(distinct) <= HISTOGRAM_BINS:
        edges, is_open = np.concatenate([distinct[:1], _middles(distinct), distinct[-1:]]), False
    else:
        low, high = np.quantile(values, TAILS)
        is_open = bool(low < high and distinct[-1] - distinct[0] > WIDE * (high - low))
        ends = (low, high) if is_open else (distinct[0], distinct[-1])
        edges = np.linspace(*ends, HISTOGRAM_BINS + 1)
    inner = np.unique(edges[1:-1])
    outer = (float(edges[0]), *inner.tolist(), float(edges[-1]))
    return Histogram(edges=outer, counts=counts_between(inner, values), open=is_open)


def bins_of(values: Values) -> Bins | None:
    """A bin for each value where there are few; else a bin for each frequent value, and quantiles of the others.

    An edge lies halfway between two neighbouring values, so that a value is on the same side of it in float32 and in
    float64.

    Args:
        values: finite, ascending.
    """
    if not len(values):
        return None
    distinct, counts = np.unique(values, return_counts=True)
    edges = _middles(distinct)
    if len(distinct) > HISTOGRAM_BINS:
        heavy = np.flatnonzero(counts * COMPARED_BINS >= len(values))
        others = np.repeat(np.delete(distinct, heavy), np.delete(counts, heavy))
        inner = np.linspace(0.0, 1.0, max(COMPARED_BINS - len(heavy), 1) + 1)[1:-1]
        starts = np.concatenate([heavy, heavy + 1, np.searchsorted(distinct, np.quantile(others, inner))])
        edges = edges[np.unique(starts[(starts > 0) & (starts < len(distinct))]) - 1]
    return Bins(edges=tuple(edges.tolist()), counts=counts_between(edges, values))


def counts_between(edges: Values, values: Values) -> tuple[int, ...]:
    """The number of values in each bin: below the first edge, between edges, and from the last edge on."""
    bins = np.searchsorted(edges, values, side="right")
    return tuple(np.bincount(bins, minlength=len(edges) + 1).tolist())


def _middles(distinct: Values) -> Values:
    """The middles between neighbours; the upper neighbour where no float lies between."""
    return np.maximum(distinct[:-1] / 2 + distinct[1:] / 2, np.nextafter(distinct[:-1], np.inf))
