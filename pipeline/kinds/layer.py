"""What the layers of the served model have in common.

Our layers are registered by name, so that a saved model loads in safe mode. Keras's own preprocessing layers do not
serve: they round float64 to float32 before they scale, and look texts up by other rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.feature import NumberFeature

PACKAGE = "pipeline"
"""Under which our layers are registered."""

OWN = "__"
"""Before the names of our layers: Keras wants a name of its own for each, inputs among them, and configurations refuse
feature columns that begin so."""

Columns = Mapping[str, keras.KerasTensor]
"""Raw and derived columns by name, [b, 1] each."""
Part = tuple[Sequence[str], keras.KerasTensor]
"""Columns of the store: their names, and [b, as many]."""


class FixedLayer(keras.layers.Layer):  # type: ignore[misc]
    """A layer without weights, whose config is the settings that it was made with.

    It takes tensors as they are, where Keras would round float64 to float32.
    """

    def __init__(self, settings: Mapping[str, Any], **kwargs: Any) -> None:
        """`settings` are the subclass's own arguments, as JSON can hold them."""
        super().__init__(autocast=False, **kwargs)
        # Not a dict: Keras would wrap and watch every item, of which a vocabulary may have a million.
        self._settings = MappingProxyType(dict(settings))

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), **self._settings}


@keras.saving.register_keras_serializable(PACKAGE, name="SideBySide")  # as saved models have it
class ConcatColumns(FixedLayer):
    """Concatenates columns of one type, in a given order: tensors [b, k], [b, l], ... to [b, len(order)]."""

    def __init__(self, order: Sequence[int], **kwargs: Any) -> None:
        """`order[j]` is the index of column j of the result among the concatenated columns."""
        super().__init__({"order": list(order)}, **kwargs)
        self._order = tuple(order)

    def call(self, parts: Sequence[Any]) -> Any:
        """The columns."""
        together = tf.concat(parts, axis=1)
        if self._order == tuple(range(together.shape[1])):
            return together
        return tf.gather(together, self._order, axis=1)


def sources_of(name: str, features: Sequence[NumberFeature], columns: Columns) -> keras.KerasTensor:
    """float64 [b, features]: the columns that features are computed from."""
    order = range(len(features))
    return ConcatColumns(order, name=f"{OWN}{name}")([columns[feature.source] for feature in features])
