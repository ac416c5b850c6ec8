"""Clipping and transforming a number, on arrays; see `ScaledFeature` for what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays.values import Values
from pipeline.kinds.scaled.fitted import ScaledFeature, TransformName


@dataclass(frozen=True)
class NumericTransform:
    """The transform of a number before it is scaled: clipping, then a shape.

    Attributes:
        low: smaller values become this; None for no bound.
        high: larger values become this; None for no bound.
        shape: as in `ScaledFeature`.
        power: lambda of Yeo-Johnson's transform.
    """

    low: float | None = None
    high: float | None = None
    shape: TransformName = "linear"
    power: float = 1.0

    @classmethod
    def of(cls, feature: ScaledFeature) -> NumericTransform:
        """The transform of a fitted feature."""
        return cls(feature.low, feature.high, feature.shape, feature.power)

    def array(self, values: Values) -> Values:
        """Of finite values."""
        if (self.low, self.high) != (None, None):
            values = np.clip(values, self.low, self.high)
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
    return NumericTransform.of(feature).inverse(values * feature.scale + feature.center)


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
