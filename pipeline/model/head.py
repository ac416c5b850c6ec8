"""What a network's raw output z means for each kind of label: its loss, and the prediction.

regression   z [b, 1]; the loss compares z with `(g(y) - center) / scale`; prediction: the label's own unit, [b]
binary       z [b, 1] is a logit; cross-entropy; prediction: the probability of class id 1, [b]
multiclass   z [b, k] are logits; cross-entropy; prediction: probabilities, [b, k]

Probabilities are float64: in float32 all logits from 17 on give a probability of 1, which no calibration tells apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.scaled.power import yeo_johnson
from pipeline.model.label_unit import LabelUnit
from pipeline.model.losses import loss_of
from pipeline.schemas.label import LabelSpec, Task

RowLoss = Callable[[Any, Any], Any]

REGRESSION_LOSSES: dict[str, RowLoss] = {
    "mse": lambda y, z: tf.square(y - z),
    "mae": lambda y, z: tf.abs(y - z),
    "huber": lambda y, z: keras.losses.huber(y[:, None], z[:, None]),
}


@dataclass(frozen=True)
class Head:
    """The meaning of a network's output.

    Attributes:
        label: the fitted label.
        row_loss: from the label [b] and z to the loss of each row, [b].
        predict: from z to predictions.
    """

    label: LabelSpec
    row_loss: RowLoss
    predict: Callable[[Any], Any]


def build_head(label: LabelSpec, loss: str) -> Head:
    """The head that `train.loss` and the label ask for.

    Raises:
        ConfigError: the loss does not fit the label.
    """
    name = loss_of(label, loss)
    match label.task:
        case Task.REGRESSION:
            unit = label_unit(label)
            row_loss = _regression_loss(label, REGRESSION_LOSSES[name])
            return Head(label, row_loss, lambda z: unit(z)[:, 0])
        case Task.BINARY:
            return Head(label, _binary_loss, lambda z: tf.sigmoid(tf.cast(z, tf.float64))[:, 0])
        case Task.MULTICLASS:
            return Head(label, _multiclass_loss, lambda z: tf.nn.softmax(tf.cast(z, tf.float64)))


def label_unit(label: LabelSpec, name: str | None = None) -> LabelUnit:
    """The layer that brings a regression output into the label's own unit."""
    return LabelUnit(label.transform, label.center, label.scale, label.power, name=name)


def _regression_loss(label: LabelSpec, loss: RowLoss) -> RowLoss:
    return lambda y, z: loss(_target(label, y), z[:, 0])


def _target(label: LabelSpec, y: Any) -> Any:
    """What z should be: float32 [b]. A power transform leaves large labels nearly equal; float64 tells them apart."""
    value = tf.cast(y, tf.float64)
    # Not `match`, which TensorFlow's AutoGraph cannot read and warns of.
    if label.transform == "log":
        value = tf.math.log1p(value)
    elif label.transform == "power":
        value = yeo_johnson(value, label.power)
    return tf.cast((value - label.center) / label.scale, tf.float32)


def _binary_loss(y: Any, z: Any) -> Any:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z[:, 0])


def _multiclass_loss(y: Any, z: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=z)
