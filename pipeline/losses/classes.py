"""Losses of labels with classes: z are logits, [b, 1] of class id 1 or [b, k] of all classes."""

from __future__ import annotations

from typing import Any

from pipeline.losses import Loss, RowLoss


def _cross_entropy() -> RowLoss:
    import tensorflow as tf

    def loss(y: Any, z: Any) -> Any:
        if z.shape[1] == 1:
            return tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z[:, 0])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=z)

    return loss


CROSS_ENTROPY = Loss("cross_entropy", "negative log-likelihood of the class", ("binary", "multiclass"), _cross_entropy)
