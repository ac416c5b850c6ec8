"""Intervals of numbers in the served model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.kinds.bucket.fitted import BucketFeature
from pipeline.kinds.layer import OWN, PACKAGE, Columns, FixedLayer, Part, sources_of


def serve(features: Sequence[tuple[int, BucketFeature]], columns: Columns) -> Iterator[Part]:
    """All features in one layer."""
    buckets = [feature for _, feature in features]
    layer = Bucketize([feature.edges for feature in buckets], name=f"{OWN}bucketize")
    yield [feature.name for feature in buckets], layer(sources_of("buckets", buckets, columns))


@keras.saving.register_keras_serializable(PACKAGE)
class Bucketize(FixedLayer):
    """The interval of each number: float64 [b, a] to int32 [b, a], 1 + how many of its column's edges are <= x.

    NaN and infinities are null, which is 0.
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        """`edges[j]` are those of column j, ascending."""
        super().__init__({"edges": [list(column) for column in edges]}, **kwargs)
        # All columns are searched at once; no finite number reaches the edges that fill up the shorter ones.
        self._edges = np.full((len(edges), max(1, *map(len, edges))), np.inf)
        for row, column in zip(self._edges, edges, strict=True):
            row[: len(column)] = column

    def call(self, x: Any) -> Any:
        """The ids."""
        passed = tf.transpose(tf.searchsorted(tf.constant(self._edges), tf.transpose(x), side="right"))
        return tf.where(tf.math.is_finite(x), 1 + passed, 0)
