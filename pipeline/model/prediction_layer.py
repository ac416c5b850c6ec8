"""The last layer of a classification's saved model: from logits to calibrated probabilities and the name of a class.

The same as `model/decision.py` does in numpy. What runs within a saved model must not use `match`: AutoGraph cannot
read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.kinds.layer import PACKAGE, FixedLayer
from pipeline.model.decision import LARGEST, SMALLEST
from pipeline.schemas.decision import Calibration

PROBABILITIES, LABEL = "probabilities", "label"
"""Outputs of a saved classification model: one probability a class, and the name of a class."""


@keras.saving.register_keras_serializable(PACKAGE, name="Decide")  # as saved models have it
class PredictionLayer(FixedLayer):
    """Logits float32 [b, 1] of the second of two classes, or [b, k], to `probabilities` float32 [b, k] and `label`.

    `label` is string [b, 1]: of two classes the second one from `threshold` on, else the most probable one. All is
    computed in float64, so that a probability near 1 still has its logit.
    """

    def __init__(
        self, classes: Sequence[str], calibration: Mapping[str, Any], threshold: float = 0.5, **kwargs: Any
    ) -> None:
        """`classes` are names by class id; `calibration` and `threshold` as in `DecisionRule`."""
        settings = {"classes": list(classes), "calibration": dict(calibration), "threshold": threshold}
        super().__init__(settings, **kwargs)
        self._classes, self._threshold = tuple(classes), threshold
        self._calibration = Calibration.model_validate(dict(calibration))

    def call(self, z: Any) -> dict[str, Any]:
        """Probabilities and class names, by output."""
        exact = tf.cast(z, tf.float64)
        if z.shape[1] == 1:
            positive = self._calibrated(tf.sigmoid(exact))
            table = tf.concat([1.0 - positive, positive], axis=1)
            ids = tf.cast(positive >= self._threshold, tf.int32)
        else:
            table = self._calibrated(tf.nn.softmax(exact))
            ids = tf.argmax(table, axis=1, output_type=tf.int32)[:, None]
        return {PROBABILITIES: tf.cast(table, tf.float32), LABEL: tf.gather(tf.constant(self._classes), ids)}

    def _calibrated(self, given: Any) -> Any:
        how, kept = self._calibration, tf.clip_by_value(given, SMALLEST, LARGEST)
        if how.kind == "platt":
            return tf.sigmoid(how.slope * _logit(kept) + how.intercept)
        if how.kind == "isotonic":
            return _interpolated(given, np.array(how.scores), np.array(how.rates))
        if how.kind == "temperature" and given.shape[1] == 1:
            return tf.sigmoid(_logit(kept) / how.temperature)
        if how.kind == "temperature":
            return tf.nn.softmax(tf.math.log(kept) / how.temperature)
        return given


def _logit(probabilities: Any) -> Any:
    return tf.math.log(probabilities) - tf.math.log1p(-probabilities)


def _interpolated(x: Any, scores: Any, rates: Any) -> Any:
    """Linear interpolation of x [b, 1] between points; constant beyond the first and the last one."""
    if len(scores) == 1:
        return tf.fill(tf.shape(x), tf.constant(rates[0], tf.float64))
    within = tf.clip_by_value(x, scores[0], scores[-1])
    passed = tf.searchsorted(tf.constant(scores), tf.reshape(within, [-1]), side="right")
    left = tf.reshape(tf.clip_by_value(passed - 1, 0, len(scores) - 2), tf.shape(x))
    slope, start, rate = (tf.gather(part, left) for part in (np.diff(rates) / np.diff(scores), scores, rates))
    return rate + slope * (within - start)
