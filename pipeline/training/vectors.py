"""Variables as arrays, and several tensors as one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def array_of(variable: Any) -> npt.NDArray[Any]:
    """A copy of a Keras variable's value; numpy 2 warns of the way by which `numpy.array` asks Keras for one."""
    return np.asarray(variable.value.numpy())


def end_to_end(tensors: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
    """What a change makes of all tensors as one vector; it keeps the places of numbers.

    Args:
        tensors: of one type.
        change: from the vector to one of the same length.
    """
    vector = change(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0))
    pieces = tf.split(vector, [tf.size(tensor) for tensor in tensors], num=len(tensors))
    return [tf.reshape(piece, tf.shape(tensor)) for piece, tensor in zip(pieces, tensors, strict=True)]
