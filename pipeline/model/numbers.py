"""Layers for numbers. They compute in float64, as Spark does, and round once, to float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.model.layers import PACKAGE, FixedLayer
from pipeline.model.power import LARGEST_LOG, yeo_johnson, yeo_johnson_inverse


@keras.saving.register_keras_serializable(PACKAGE)
class ScaleNumbers(FixedLayer):
    """Numbers as the store has them: float64 [b, a] to `(g(clip(fill if x is null else x)) - center) / scale`.

    NaN and infinities are null; null stays NaN in a column without a fill. A number that the shape takes out of the
    finite ones, as log1p does with -1 and what is below, counts as null too: prepared data have none.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        """`columns` tell `fill`, `low`, `high`, `shape`, `power`, `center` and `scale`, as in `ScaledFeature`."""
        super().__init__({"columns": [dict(column) for column in columns]}, **kwargs)
        self._fill = _numbers(columns, "fill", missing=np.nan)
        self._low = _numbers(columns, "low", missing=-np.inf)
        self._high = _numbers(columns, "high", missing=np.inf)
        self._power = _numbers(columns, "power", missing=np.nan)
        self._center = _numbers(columns, "center", missing=np.nan)
        self._scale = _numbers(columns, "scale", missing=np.nan)
        self._is_log = np.array([column["shape"] == "log1p" for column in columns])
        self._is_power = np.array([column["shape"] == "power" for column in columns])

    def call(self, x: Any) -> Any:
        """float32 [b, a]."""
        x = tf.cast(x, tf.float64)
        shaped = self._shaped(x)
        known = tf.math.is_finite(x) & tf.math.is_finite(shaped)
        fill = tf.where(np.isnan(self._fill), self._fill, self._shaped(tf.constant(self._fill)))
        return tf.cast((tf.where(known, shaped, fill) - self._center) / self._scale, tf.float32)

    def _shaped(self, x: Any) -> Any:
        """g of the clipped number."""
        clipped = tf.minimum(tf.maximum(x, self._low), self._high)
        shaped = clipped
        if self._is_log.any():
            shaped = tf.where(self._is_log, tf.math.log1p(clipped), shaped)
        if self._is_power.any():
            shaped = tf.where(self._is_power, yeo_johnson(clipped, self._power), shaped)
        return shaped


@keras.saving.register_keras_serializable(PACKAGE)
class Bucketize(FixedLayer):
    """The interval of each number: float64 [b, a] to int32 [b, a], 1 + how many of its column's edges are <= x.

    NaN and infinities are null, which is 0.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        """`edges[j]` are those of column j, ascending."""
        super().__init__({"edges": [list(column) for column in edges]}, **kwargs)
        # All columns are searched at once; no finite number reaches the edges that fill up the shorter ones.
        self._edges = np.full((len(edges), max(1, *map(len, edges))), np.inf)
        for row, column in zip(self._edges, edges, strict=True):
            row[: len(column)] = column

    def call(self, x: Any) -> Any:
        """The ids."""
        passed = tf.transpose(tf.searchsorted(tf.constant(self._edges), tf.transpose(x), side="right"))
        return tf.where(tf.math.is_finite(x), 1 + passed, 0)


@keras.saving.register_keras_serializable(PACKAGE)
class LabelUnit(FixedLayer):
    """From the network's output to the label's own unit: the inverse of `(g(y) - center) / scale`; always finite."""

    def __init__(self, transform: str, center: float, scale: float, power: float = 1.0, **kwargs: Any) -> None:
        """As in `LabelSpec`."""
        super().__init__({"transform": transform, "center": center, "scale": scale, "power": power}, **kwargs)
        self._transform, self._center, self._scale, self._power = transform, center, scale, power

    def call(self, z: Any) -> Any:
        """float32 [b, 1] to float32 [b, 1]."""
        value = tf.cast(z, tf.float64) * self._scale + self._center
        match self._transform:
            case "log":
                value = tf.math.expm1(tf.minimum(value, LARGEST_LOG))
            case "power":
                value = yeo_johnson_inverse(value, self._power)
        return tf.cast(value, tf.float32)


def _numbers(columns: Sequence[Mapping[str, Any]], name: str, missing: float) -> npt.NDArray[np.float64]:
    return np.array([missing if column[name] is None else column[name] for column in columns], np.float64)
