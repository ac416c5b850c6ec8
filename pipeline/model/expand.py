"""Layers that expand the store's columns into what a dense layer can learn from.

Keras's own layers do not serve. `CategoryEncoding` takes columns that share one number of ids, so a table would need a
layer for every column; here one layer encodes them all. In multi-hot mode it counts the padding of empty slots as one
more value, and `GlobalAveragePooling1D` with a mask gives NaN for a row without any value. `Discretization` gives the
interval that a number is in, but not the position within it. For scaling and lookup see `kinds/layer.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.kinds.layer import PACKAGE, FixedLayer


@keras.saving.register_keras_serializable(PACKAGE)
class PiecewiseLinear(FixedLayer):
    """Piecewise-linear encoding of numbers: float32 [b, a] to one number for each interval between edges.

    Of T intervals, component t of x is `(x - e[t]) / (e[t + 1] - e[t])`, not below 0 but for the first and not above
    1 but for the last (Gorishniy et al., On embeddings for numerical features in tabular deep learning, NeurIPS 2022,
    equation 1). So the encoding of a number outside of the edges grows linearly, without bound: clip a column that has
    outliers. A column with fewer than two edges stays one column, unchanged.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        """`edges[j]` are the edges of column j, ascending."""
        super().__init__({"edges": [list(column) for column in edges]}, **kwargs)
        intervals = [_intervals(np.asarray(column, np.float32)) for column in edges]
        self._column = np.repeat(np.arange(len(edges)), [part.shape[1] for part in intervals])
        self._start, self._length, self._low, self._high = np.concatenate(intervals, axis=1)

    def call(self, x: Any) -> Any:
        """The components of all columns, concatenated."""
        position = (tf.gather(x, self._column, axis=1) - self._start) / self._length
        return tf.minimum(tf.maximum(position, self._low), self._high)


@keras.saving.register_keras_serializable(PACKAGE)
class OneHot(FixedLayer):
    """Expands ids: int [b, c] to float32 [b, sum(sizes)], a block of `sizes[j]` columns for each selected column."""

    def __init__(self, sizes: Sequence[int], columns: Sequence[int] | None = None, **kwargs: Any) -> None:
        """`sizes[j]` is the number of ids in column `columns[j]`, by default in column j."""
        taken = list(range(len(sizes)) if columns is None else columns)
        super().__init__({"sizes": list(sizes), "columns": taken}, **kwargs)
        self._blocks = tuple(zip(taken, sizes, strict=True))

    def call(self, ids: Any) -> Any:
        """The one-hot blocks, concatenated."""
        columns = tf.unstack(ids, axis=1)
        return tf.concat([tf.one_hot(columns[column], size) for column, size in self._blocks], axis=1)


@keras.saving.register_keras_serializable(PACKAGE)
class MultiHot(FixedLayer):
    """Expands the slots of one column: int [b, s] to float32 [b, padding], 1 for each id that is in any slot.

    Ids are smaller than `padding`, which marks slots without a value.
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        """`padding` is the id in slots without a value, the largest of the column."""
        super().__init__({"padding": padding}, **kwargs)
        self._padding = padding

    def call(self, ids: Any) -> Any:
        """The maximum over slots; TensorFlow's one-hot of `padding`, which is too large, is all zeros."""
        return tf.reduce_max(tf.one_hot(ids, self._padding), axis=1)


@keras.saving.register_keras_serializable(PACKAGE)
class MeanOfSlots(FixedLayer):
    """The mean of vectors over slots with a value: int [b, s] and float32 [b, s, d] to float32 [b, d].

    The mean is zero if no slot has a value.
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        """`padding` is the id in slots without a value."""
        super().__init__({"padding": padding}, **kwargs)
        self._padding = padding

    def call(self, ids: Any, vectors: Any) -> Any:
        """The means."""
        real = tf.cast(ids != self._padding, vectors.dtype)
        total = tf.reduce_sum(vectors * real[:, :, None], axis=1)
        return total / tf.maximum(tf.reduce_sum(real, axis=1), 1.0)[:, None]


def _intervals(edges: Any) -> Any:
    """Start, length, lower and upper bound of each component of one column: float32 [4, t]."""
    if len(edges) < 2:
        return np.array([[0.0], [1.0], [-np.inf], [np.inf]], np.float32)
    length = np.diff(edges)
    low, high = np.zeros_like(length), np.ones_like(length)
    low[0], high[-1] = -np.inf, np.inf
    # The component of an interval whose length is 0 in float32 is 0, whatever x is.
    return np.stack([edges[:-1], np.where(length > 0.0, length, np.inf), low, high]).astype(np.float32)
