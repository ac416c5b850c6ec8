"""Scaling in the served model: in float64, as stores are written, and rounded once, to float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.kinds.layer import OWN, PACKAGE, Columns, FixedLayer, Part, sources_of
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.power import yeo_johnson


def serve(features: Sequence[tuple[int, ScaledFeature]], columns: Columns) -> Iterator[Part]:
    """All features in one layer."""
    scaled = [feature for _, feature in features]
    settings = [feature.model_dump(exclude={"kind", "name", "source", "edges"}) for feature in scaled]
    layer = ScaleNumbers(settings, name=f"{OWN}scale")
    yield [feature.name for feature in scaled], layer(sources_of("scaled", scaled, columns))


@keras.saving.register_keras_serializable(PACKAGE)
class ScaleNumbers(FixedLayer):
    """Numbers as the store has them: float64 [b, a] to `(g(clip(fill if x is null else x)) - center) / scale`.

    NaN and infinities are null; null stays NaN in a column without a fill. A number that the shape takes out of the
    finite ones, as log1p does with -1 and what is below, counts as null too: prepared data have none.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        """`columns` have `fill`, `low`, `high`, `shape`, `power`, `center` and `scale`, as in `ScaledFeature`."""
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
        transformed = self._transformed(x)
        finite = tf.math.is_finite(x) & tf.math.is_finite(transformed)
        fill = tf.where(np.isnan(self._fill), self._fill, self._transformed(tf.constant(self._fill)))
        return tf.cast((tf.where(finite, transformed, fill) - self._center) / self._scale, tf.float32)

    def _transformed(self, x: Any) -> Any:
        """g of the clipped number."""
        clipped = tf.minimum(tf.maximum(x, self._low), self._high)
        transformed = clipped
        if self._is_log.any():
            transformed = tf.where(self._is_log, tf.math.log1p(clipped), transformed)
        if self._is_power.any():
            transformed = tf.where(self._is_power, yeo_johnson(clipped, self._power), transformed)
        return transformed


def _numbers(columns: Sequence[Mapping[str, Any]], name: str, missing: float) -> npt.NDArray[np.float64]:
    return np.array([missing if column[name] is None else column[name] for column in columns], np.float64)
