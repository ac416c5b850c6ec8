"""Layers for texts; null is `NULL_TOKEN`, and a slot without a value is the empty text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.feature import TextFeature
from pipeline.kinds.layer import OWN, PACKAGE, Columns, FixedLayer
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN

NO_VALUE = ""
"""In a slot: a multi-valued text has no empty values."""

_NO_TEXT = "\x00none"
"""TensorFlow's tables cannot be empty; this is the key of those that would be."""


@keras.saving.register_keras_serializable(PACKAGE)
class JoinTexts(FixedLayer):
    """Several columns of texts to one: each string [b, 1], to string [b, 1] with a separator between them."""

    def __init__(self, separator: str, **kwargs: Any) -> None:
        """`separator` may be any text."""
        super().__init__({"separator": separator}, **kwargs)
        self._separator = separator

    def call(self, texts: Sequence[Any]) -> Any:
        """Null is a text like any other here."""
        return tf.strings.join(texts, self._separator)


@keras.saving.register_keras_serializable(PACKAGE)
class SplitTexts(FixedLayer):
    """The values of multi-valued texts: string [b, 1] to string [b, slots].

    Spaces around values and empty values are left out, as are values past the last slot. Null has no value.
    """

    def __init__(self, separator: str, slots: int, **kwargs: Any) -> None:
        """`separator` may be any text but the empty one."""
        super().__init__({"separator": separator, "slots": slots}, **kwargs)
        self._separator, self._slots = separator, slots

    def call(self, texts: Any) -> Any:
        """The values in order, then `NO_VALUE`."""
        parts = tf.strings.split(tf.where(texts == NULL_TOKEN, NO_VALUE, texts)[:, 0], self._separator)
        values = parts.with_flat_values(tf.strings.regex_replace(parts.flat_values, "^ +| +$", ""))
        kept = tf.ragged.boolean_mask(values, values.with_flat_values(values.flat_values != NO_VALUE))
        return kept[:, : self._slots].to_tensor(NO_VALUE, shape=(None, self._slots))


@keras.saving.register_keras_serializable(PACKAGE)
class LookUpTexts(FixedLayer):
    """A number for each text: string of any shape, to numbers of the same shape."""

    def __init__(
        self, keys: Sequence[str], values: Sequence[float], default: float, number_type: str, **kwargs: Any
    ) -> None:
        """`values[i]` is the number of `keys[i]`, `default` that of any other; `number_type` is float32 or int32."""
        settings = {"keys": list(keys), "values": list(values), "default": default, "number_type": number_type}
        super().__init__(settings, **kwargs)
        entries = dict(zip(keys, values, strict=True)) or {_NO_TEXT: default}
        table = tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(entries), tf.string), tf.constant(list(entries.values()), number_type)
        )
        self.table = tf.lookup.StaticHashTable(table, tf.constant(default, number_type))

    def call(self, texts: Any) -> Any:
        """The numbers."""
        return self.table.lookup(texts)


def text_of(position: int, feature: TextFeature, columns: Columns) -> keras.KerasTensor:
    """string [b, 1], or [b, slots]: the texts that a feature is computed from.

    Args:
        position: of the feature among all, for the names of layers.
        feature: with its columns, separator and slots.
        columns: raw and derived ones.
    """
    texts = [columns[source] for source in feature.sources]
    text = texts[0] if len(texts) == 1 else JoinTexts(CROSS_SEPARATOR, name=f"{OWN}join_{position}")(texts)
    if feature.separator is None:
        return text
    return SplitTexts(feature.separator, feature.slots, name=f"{OWN}split_{position}")(text)
