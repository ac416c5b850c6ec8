"""Clipping and shaping a number, as Catalyst expressions; see `ScaledFeature` for what they mean."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import Column

from pipeline.contract.curve import Curve


def shaped(value: Column, curve: Curve) -> Column:
    """Of a double without NaN."""
    if curve.low is not None:
        value = F.greatest(value, F.when(value.isNotNull(), F.lit(curve.low)))
    if curve.high is not None:
        value = F.least(value, F.when(value.isNotNull(), F.lit(curve.high)))
    match curve.shape:
        case "log1p":
            return F.log1p(value)
        case "power":
            return _yeo_johnson(value, curve.power)
    return value


def _yeo_johnson(value: Column, power: float) -> Column:
    upper = F.log1p(value) if power == 0.0 else (F.pow(value + 1.0, F.lit(power)) - 1.0) / power
    rest = 2.0 - power
    lower = -F.log1p(-value) if rest == 0.0 else -(F.pow(1.0 - value, F.lit(rest)) - 1.0) / rest
    return F.when(value >= 0.0, upper).when(value < 0.0, lower)
