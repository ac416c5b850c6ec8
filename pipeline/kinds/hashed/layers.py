"""Ids by a hash in the served model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.hashed.crc import crc32
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.layer import OWN, PACKAGE, Columns, FixedLayer, Part
from pipeline.kinds.text.layers import NO_VALUE, text_of
from pipeline.schemas.tokens import NULL_TOKEN, OUT_OF_VOCABULARY


def serve(features: Sequence[tuple[int, HashedFeature]], columns: Columns) -> Iterator[Part]:
    """A layer for each feature."""
    for position, feature in features:
        fixed = {NULL_TOKEN: OUT_OF_VOCABULARY} if len(feature.sources) == 1 else {}  # a cross is never null
        fixed |= {} if feature.separator is None else {NO_VALUE: feature.size - 1}
        layer = HashTexts(feature.buckets, fixed, name=f"{OWN}id_{position}")
        yield feature.columns, layer(text_of(position, feature, columns))


@keras.saving.register_keras_serializable(PACKAGE)
class HashTexts(FixedLayer):
    """The id of each text by its hash: string [b, s] to int32 [b, s], `1 + CRC-32 % buckets`."""

    def __init__(self, buckets: int, fixed: dict[str, int], **kwargs: Any) -> None:
        """`fixed` are texts with an id of their own: of null, and of no value."""
        super().__init__({"buckets": buckets, "fixed": fixed}, **kwargs)
        self._buckets, self._fixed = buckets, tuple(fixed.items())

    def call(self, texts: Any) -> Any:
        """The ids."""
        hashed = tf.reshape(crc32(tf.reshape(texts, [-1])), tf.shape(texts))
        ids = tf.cast(1 + hashed % self._buckets, tf.int32)
        for text, number in self._fixed:
            ids = tf.where(texts == text, number, ids)
        return tf.ensure_shape(ids, texts.shape)
