"""Fitting numbers: from statistics and a sample of training rows to the plain numbers of a feature."""

from __future__ import annotations

import logging
import math

import numpy as np
from scipy import stats

from pipeline.arrays.moments import Moments, rounded
from pipeline.arrays.values import Values
from pipeline.kinds.plan import NumericPlan
from pipeline.kinds.scaled.config import ClipConfig, NumericConfig
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform
from pipeline.kinds.statistics import NumberStatistics

log = logging.getLogger(__name__)

FEW_VALUES = 2
"""A power cannot be estimated from fewer distinct values."""


def fit_transform(group: NumericConfig, values: Values) -> NumericTransform:
    """Bounds and transform.

    Args:
        group: the configuration.
        values: finite values of training rows, ascending; may be empty where nothing needs them.
    """
    low, high = _bounds(group.clip, values)
    transform = NumericTransform(low, high)
    if group.shape != "power":
        return NumericTransform(low, high, group.shape)
    return NumericTransform(low, high, "power", fit_power(transform.array(values)))


def fit_power(values: Values) -> float:
    """The likeliest lambda of Yeo-Johnson's transform; 1, which changes nothing, where the values determine none."""
    if len(np.unique(values)) < FEW_VALUES:
        return 1.0
    try:
        with np.errstate(all="ignore"):
            power = float(stats.yeojohnson_normmax(values))
    except ValueError:
        # No power keeps numbers beyond 1e154 within double precision.
        return 1.0
    return rounded(power) if math.isfinite(power) else 1.0


def fit_scaled(plan: NumericPlan, statistics: NumberStatistics) -> ScaledFeature:
    """A scaled number."""
    group, transform = plan.group, statistics.transform
    assert isinstance(transform, NumericTransform)
    transformed = transform.array(statistics.sample)
    center, scale = _center_and_scale(group, statistics.transformed, transformed)
    if scale == 0.0:
        _warn_unscaled(plan.name, group, statistics.moments)
        scale = 1.0
    edges: tuple[float, ...] = ()
    if group.encoding == "piecewise_linear":
        edges = _linear_edges(group, transform, (transformed - center) / scale, center=center, scale=scale)
    return ScaledFeature(
        name=plan.name,
        source=plan.source,
        fill=_fill(group, statistics.moments, statistics.sample),
        low=transform.low,
        high=transform.high,
        shape=transform.shape,
        power=transform.power,
        center=center,
        scale=scale,
        edges=edges,
    )


def find_edges(values: Values, bins: int, binning: str) -> tuple[float, ...]:
    """At most `bins + 1` ascending edges, the smallest and the largest value among them.

    `mixed` takes half of them at quantiles of the rows and half at quantiles of the distinct values: of a column that
    is 0 nearly everywhere, all quantiles of the rows are 0.
    """
    if not len(values):
        return ()
    match binning:
        case "uniform":
            edges = np.linspace(values[0], values[-1], bins + 1)
        case "quantile":
            edges = np.quantile(values, np.linspace(0.0, 1.0, bins + 1))
        case _:
            half = bins - bins // 2
            edges = np.concatenate(
                [
                    np.quantile(values, np.linspace(0.0, 1.0, half + 1)),
                    np.quantile(np.unique(values), np.linspace(0.0, 1.0, bins // 2 + 1)),
                ]
            )
    return tuple(float(edge) for edge in np.unique(edges))


def _bounds(clip: ClipConfig | None, values: Values) -> tuple[float | None, float | None]:
    if clip is None:
        return None, None
    if clip.quantiles is None:
        return clip.low, clip.high
    if not len(values):
        return None, None
    low, high = np.quantile(values, clip.quantiles)
    return float(low), float(high)


def _fill(group: NumericConfig, moments: Moments, values: Values) -> float | None:
    match group.impute:
        case "mean":
            return moments.mean
        case "median":
            return float(np.median(values))
        case "mode":
            distinct, counts = np.unique(values, return_counts=True)
            return float(distinct[counts.argmax()])
        case "constant":
            return group.fill
    return None


def _center_and_scale(group: NumericConfig, moments: Moments, sample: Values) -> tuple[float, float]:
    low, high = moments.low or 0.0, moments.high or 0.0
    match group.scale:
        case "standard":
            return moments.mean or 0.0, moments.std or 0.0
        case "min_max":
            return low, high - low
        case "max_abs":
            return 0.0, max(abs(low), abs(high))
        case "robust" if len(sample):
            first, middle, third = np.quantile(sample, (0.25, 0.5, 0.75))
            return float(middle), float(third - first)
    return 0.0, 1.0


def _warn_unscaled(name: str, group: NumericConfig, raw: Moments) -> None:
    if raw.low == raw.high:
        shown = "null" if raw.low is None else raw.low
        log.warning("Column '%s' is %s in every training row; the model learns nothing from it.", name, shown)
    elif group.scale == "robust":
        log.warning("Column '%s' has the same value at both quartiles of training rows; it is not scaled.", name)
    else:
        log.warning("Column '%s' has one value after clipping; it is not scaled.", name)


def _linear_edges(
    group: NumericConfig, transform: NumericTransform, scaled: Values, *, center: float, scale: float
) -> tuple[float, ...]:
    """In the unit of the store's column; none where there is no interval, and the number itself is used."""
    if group.edges is None:
        edges = find_edges(scaled, group.bins, group.binning)
    else:
        edges = tuple(float(edge) for edge in np.unique((transform.array(np.array(group.edges)) - center) / scale))
    return edges if len(edges) > 1 else ()
