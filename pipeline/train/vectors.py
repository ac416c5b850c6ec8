"""Several tensors as one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def end_to_end(tensors: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
    """What a change makes of all tensors as one vector; it keeps the places of numbers.

    Args:
        tensors: of one type.
        change: from the vector to one of the same length.
    """
    vector = change(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0))
    pieces = tf.split(vector, [tf.size(tensor) for tensor in tensors], num=len(tensors))
    return [tf.reshape(piece, tf.shape(tensor)) for piece, tensor in zip(pieces, tensors, strict=True)]
