"""Scaled numbers on arrays: in double precision until the last step, a missing number being NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.values import Values, finite_numbers
from pipeline.kinds.plan import NumericPlan
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.scaled.fit import fit_scaled, fit_transform
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform, restored
from pipeline.kinds.statistics import Needs, NumberStatistics

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)

_SAME = 2e-6
"""Relative: a filled value was rounded to float32, and is compared with what is computed here."""


def needs(group: NumericConfig) -> Needs:
    """Quantiles and lambdas ask for values, deviations and bounds for moments after clipping and transforming."""
    quantiles = group.clip is not None and group.clip.quantiles is not None
    edges = group.encoding == "piecewise_linear" and group.edges is None
    robust = group.impute in ("median", "mode") or group.scale == "robust"
    changes = group.clip is not None or group.shape != "linear"
    return Needs(
        sample=quantiles or edges or robust or group.shape == "power",
        transformed=changes and group.scale not in ("none", "robust"),
    )


def transform(group: NumericConfig, sample: Values) -> NumericTransform:
    """Clipping and transforming."""
    return fit_transform(group, sample)


def fit(plan: NumericPlan, statistics: NumberStatistics) -> ScaledFeature:
    """The feature."""
    return fit_scaled(plan, statistics)


def stored(
    feature: ScaledFeature, values: Mapping[str, pa.Array], folds: object = None
) -> tuple[npt.NDArray[np.float32]]:
    """float32 [n]."""
    return (scaled_value(values[feature.source], feature),)


def of_numbers(feature: ScaledFeature, values: Values) -> Values:
    """float64 [n], of values that are NaN where they are null or not finite.

    Raises:
        ValueError: a value would be null, and a store has none.
    """
    finite = np.isfinite(values)
    if feature.fill is not None and not finite.all():
        values = np.where(finite, values, feature.fill)
    with np.errstate(all="ignore"):
        scaled = NumericTransform.of(feature).array(values) - feature.center
        scaled /= feature.scale  # in place, as memory from the system costs more than the division
    absent = len(scaled) - np.count_nonzero(np.isfinite(scaled))
    if absent:
        raise ValueError(f"column '{feature.name}' would have {absent} nulls, and a store has none")
    return scaled


def source_values(feature: ScaledFeature, column: npt.NDArray[np.float32], missing: float) -> Values:
    """The values that were there, in the unit of the source, ascending; those that were filled in are left out.

    Args:
        feature: what made the column.
        column: of the store, [n].
        missing: the share of its rows that had no value.
    """
    kept = column
    if feature.fill is not None and missing:
        filled = _scaled(np.array([feature.fill]), feature)
        alike = np.flatnonzero(np.isclose(column, filled[0], rtol=_SAME, atol=_SAME))
        kept = np.delete(column, alike[: round(missing * len(column))])
    return np.sort(_plain(kept[np.isfinite(kept)], feature))


def beyond_float32(feature: ScaledFeature, values: Sequence[float]) -> tuple[float, ...]:
    """The least and the greatest of some values and of what null becomes, where not all between fit; else nothing."""
    ends = [*values, *([] if feature.fill is None else [feature.fill])]
    with np.errstate(all="ignore"):
        scaled = _scaled(np.array(ends), feature)
    fits = np.isfinite(feature.scale) and (np.abs(scaled) <= LARGEST_FLOAT32).all()
    return () if fits else (min(ends), max(ends))


def scaled_value(values: pa.Array, feature: ScaledFeature) -> npt.NDArray[np.float32]:
    """float32 [n]: filled, clipped, transformed and scaled."""
    numbers = finite_numbers(values)
    if feature.fill is not None:
        numbers = np.where(np.isnan(numbers), feature.fill, numbers)
    with np.errstate(all="ignore"):
        return _scaled(numbers, feature).astype(np.float32)


def transformed(values: pa.Array, transform: NumericTransform) -> Values:
    """float64 [n]: clipped and transformed, NaN for null and for what is not finite."""
    with np.errstate(all="ignore"):
        return transform.array(finite_numbers(values))


def _scaled(values: Values, feature: ScaledFeature) -> Values:
    return (NumericTransform.of(feature).array(values) - feature.center) / feature.scale


def _plain(column: npt.NDArray[np.float32], feature: ScaledFeature) -> Values:
    """The values, without the digits that float32 does not hold: 0.1 and not 0.10000000149, 0 and not -0."""
    values = restored(column.astype(np.float64), feature)
    apart = restored(np.nextafter(column, np.float32(np.inf)).astype(np.float64), feature) - values
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        unit = np.power(10.0, np.ceil(np.log10(np.abs(apart))))
        plain = np.rint(values / unit) * unit + 0.0
    return np.where(np.isfinite(plain), plain, values)
