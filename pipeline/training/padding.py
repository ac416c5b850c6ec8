"""Padding rows enter no statistic, no loss and no gradient, whatever they hold.

A rank's batch is padded to a fixed number of rows (`feed/block.py`); padding rows have weight 0. A weight alone does
not keep them out: a moving mean ignores it, and 0 times NaN or infinity is NaN, in the backward pass too, where a
padding row's activations are multiplied by its gradient of 0. So padding never reaches the network: it is replaced by
copies of a real row, which keeps the batch's shape, or dropped where rows of a batch affect each other.

For example, weights [1, 1, 0] and rows [[5], [7], [nan]] become [[5], [7], [5]], or [[5], [7]] with weights [1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pipeline.feed.block import Block


def replace_padding(batch: Block) -> Block:
    """The same batch with copies of its first real row in place of padding rows, which keep their weight of 0.

    Where no row is real, labels are 0, and inputs are what they were; see `zero_without_rows`.
    """
    real = is_real(batch)
    source = tf.where(real, tf.range(tf.size(real)), tf.argmax(real, output_type=tf.int32))
    # Most steps of a single rank have no padding, and need no copy.
    filled: Block = tf.cond(
        tf.reduce_all(real), lambda: batch, lambda: _each_column(batch, lambda column: tf.gather(column, source))
    )
    return filled._replace(
        label=tf.where(tf.reduce_any(real), filled.label, tf.zeros_like(filled.label)),
        weight=batch.weight,
        mask=batch.mask,
    )


def drop_padding(batch: Block) -> Block:
    """The real rows alone, of which there may be none; the number of rows is no longer fixed."""
    real = is_real(batch)
    return _each_column(batch, lambda column: tf.boolean_mask(column, real))


def is_real(batch: Block) -> Any:
    """Which rows of one step count: bool [b]. A row to which the user gave weight 0 is treated like padding."""
    return batch.weight > 0.0


def without_padding(real: Any, outputs: Any) -> Any:
    """The outputs [b, k] of the network with zeros for padding rows: their loss is finite, and their gradient is 0."""
    return tf.where(real[:, None], outputs, tf.zeros_like(outputs))


def zero_without_rows(real: Any, gradients: Sequence[Any]) -> list[Any]:
    """A rank's gradients, or zeros where none of its rows is real: the gradients of padding may be NaN."""
    any_real = tf.reduce_any(real)

    def guarded(gradient: Any) -> Any:
        if isinstance(gradient, tf.IndexedSlices):
            return tf.IndexedSlices(guarded(gradient.values), gradient.indices, gradient.dense_shape)
        return None if gradient is None else tf.where(any_real, gradient, tf.zeros_like(gradient))

    return [guarded(gradient) for gradient in gradients]


def _each_column(batch: Block, change: Callable[[Any], Any]) -> Block:
    """The batch with `change` applied to all columns; `rows` is a single number and is left as it is."""
    nothing: Any = ()
    columns: Block = tf.nest.map_structure(change, batch._replace(rows=nothing))
    return columns._replace(rows=batch.rows)
