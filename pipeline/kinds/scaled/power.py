"""The power transform of Yeo and Johnson, A new family of power transformations (Biometrika, 2000).

With l = power for x >= 0, and l = 2 - power below, it is `sign(x) * ((1 + |x|)^l - 1) / l`, and its limit
`sign(x) * log(1 + |x|)` where l = 0. Both directions work on float64 tensors, and `power` may be one number a column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

LARGEST_LOG = 88.0
"""float32 can hold e^88."""

_ALMOST_MINUS_ONE = -1.0 + float(np.finfo(np.float64).eps)


def yeo_johnson(x: Any, power: Any) -> Any:
    """The transform: float64 of any shape, to the same shape."""
    side, divisor = _side(x, power)
    log = tf.math.log1p(tf.abs(x))
    return tf.sign(x) * tf.where(side == 0.0, log, tf.math.expm1(side * log) / divisor)


def yeo_johnson_inverse(t: Any, power: Any) -> Any:
    """What has the transform t.

    Where l is negative, the transform cannot exceed -1 / l. What is beyond it, or beyond float32's range, becomes
    the largest number there is: a network may well overshoot, and its prediction must stay a number.
    """
    side, divisor = _side(t, power)
    size = tf.abs(t)
    log = tf.where(side == 0.0, size, tf.math.log1p(tf.maximum(side * size, _ALMOST_MINUS_ONE)) / divisor)
    return tf.sign(t) * tf.math.expm1(tf.minimum(log, LARGEST_LOG))


def _side(x: Any, power: Any) -> tuple[Any, Any]:
    """l, and l again without its zeros, to divide by."""
    power = tf.convert_to_tensor(power, tf.float64)
    side = tf.where(x >= 0.0, power, 2.0 - power)
    return side, tf.where(side == 0.0, tf.ones_like(side), side)
