"""Clipping and shaping a number, as Catalyst expressions and on arrays; see `ScaledFeature` for what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.contract.features import ScaledFeature, Shape
from pipeline.features.sample import Values


@dataclass(frozen=True)
class Curve:
    """What becomes of a number before it is scaled.

    Attributes:
        low: smaller values become this; None for no bound.
        high: larger values become this; None for no bound.
        shape: as in `ScaledFeature`.
        power: lambda of Yeo-Johnson's transform.
    """

    low: float | None = None
    high: float | None = None
    shape: Shape = "linear"
    power: float = 1.0

    @classmethod
    def of(cls, feature: ScaledFeature) -> Curve:
        """The curve of a fitted feature."""
        return cls(feature.low, feature.high, feature.shape, feature.power)

    def column(self, value: Column) -> Column:
        """Of a double without NaN."""
        if self.low is not None:
            value = F.greatest(value, F.when(value.isNotNull(), F.lit(self.low)))
        if self.high is not None:
            value = F.least(value, F.when(value.isNotNull(), F.lit(self.high)))
        match self.shape:
            case "log1p":
                return F.log1p(value)
            case "power":
                return _yeo_johnson(value, self.power)
        return value

    def array(self, values: Values) -> Values:
        """Of finite values."""
        values = np.clip(values, -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high)
        match self.shape:
            case "log1p":
                return np.log1p(values)
            case "power":
                return _yeo_johnson_array(values, self.power)
        return values

    def inverse(self, values: Values) -> Values:
        """What `array` made these values of; a value that was clipped stays at its bound."""
        match self.shape:
            case "log1p":
                return np.expm1(values)
            case "power":
                return _yeo_johnson_inverse(values, self.power)
        return values


def restored(values: Values, feature: ScaledFeature) -> Values:
    """From the store's column back to the unit of the source; what was filled or clipped stays so."""
    return Curve.of(feature).inverse(values * feature.scale + feature.center)


def _yeo_johnson(value: Column, power: float) -> Column:
    upper = F.log1p(value) if power == 0.0 else (F.pow(value + 1.0, F.lit(power)) - 1.0) / power
    rest = 2.0 - power
    lower = -F.log1p(-value) if rest == 0.0 else -(F.pow(1.0 - value, F.lit(rest)) - 1.0) / rest
    return F.when(value >= 0.0, upper).when(value < 0.0, lower)


def _yeo_johnson_array(values: Values, power: float) -> Values:
    upper, lower = np.maximum(values, 0.0), np.minimum(values, 0.0)
    rest = 2.0 - power
    above = np.log1p(upper) if power == 0.0 else (np.power(upper + 1.0, power) - 1.0) / power
    below = -np.log1p(-lower) if rest == 0.0 else -(np.power(1.0 - lower, rest) - 1.0) / rest
    return np.where(values >= 0.0, above, below)


def _yeo_johnson_inverse(values: Values, power: float) -> Values:
    upper, lower = np.maximum(values, 0.0), np.minimum(values, 0.0)
    rest = 2.0 - power
    # Rounding may take a value just past the end of the transform's range.
    above = np.expm1(upper) if power == 0.0 else np.power(np.maximum(upper * power + 1.0, 0.0), 1.0 / power) - 1.0
    below = -np.expm1(-lower) if rest == 0.0 else 1.0 - np.power(np.maximum(1.0 - rest * lower, 0.0), 1.0 / rest)
    return np.where(values >= 0.0, above, below)
