"""Brings predictions into the label's own unit, computed in float64 and rounded once, to float32."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.layer import PACKAGE, FixedLayer
from pipeline.kinds.scaled.power import LARGEST_LOG, yeo_johnson_inverse
from pipeline.schemas.label import LabelSpec


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


def label_unit(label: LabelSpec, name: str | None = None) -> LabelUnit:
    """The layer that brings a regression output into the label's own unit."""
    return LabelUnit(label.transform, label.center, label.scale, label.power, name=name)
