"""Variables as arrays, and several tensors as one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def array_of(variable: Any) -> npt.NDArray[Any]:
    """A copy of a Keras variable's value, made so that numpy 2 does not warn about Keras's `__array__`."""
    return np.asarray(variable.value.numpy())


def end_to_end(tensors: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
    """Apply a function to all tensors as one vector, and split the result again.

    Args:
        tensors: tensors of one type.
        change: from the vector to one of the same length, element by element in place.
    """
    vector = change(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0))
    pieces = tf.split(vector, [tf.size(tensor) for tensor in tensors], num=len(tensors))
    return [tf.reshape(piece, tf.shape(tensor)) for piece, tensor in zip(pieces, tensors, strict=True)]
