"""A layer that puts columns side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.model.layers import PACKAGE, FixedLayer


@keras.saving.register_keras_serializable(PACKAGE)
class SideBySide(FixedLayer):
    """Columns of one type, brought into an order: tensors [b, k], [b, l], ... to [b, len(order)]."""

    def __init__(self, order: Sequence[int], **kwargs: Any) -> None:
        """`order[j]` is the place that column j of the result has among the columns that come in."""
        super().__init__({"order": list(order)}, **kwargs)
        self._order = tuple(order)

    def call(self, parts: Sequence[Any]) -> Any:
        """The columns."""
        together = tf.concat(parts, axis=1)
        if self._order == tuple(range(together.shape[1])):
            return together
        return tf.gather(together, self._order, axis=1)
