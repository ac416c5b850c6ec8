"""A saved model from Arrow columns to Arrow columns, loaded once per process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

import pipeline.model.serving  # noqa: F401 (registers the layers that the file names)
from pipeline.kinds.fitted_features import RawColumn
from pipeline.model.device import configure_devices
from pipeline.model.keras_file import load_keras_file
from pipeline.model.tracing import traced
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store.filesystem import storage_path
from pipeline.store.model import local_copy


class Predictor:
    """Scores batches of rows."""

    def __init__(self, model: keras.Model, columns: Sequence[RawColumn], label: LabelSpec) -> None:
        """`columns` are the model's inputs, `label` is the label that it predicts."""
        self._columns, self._label = tuple(columns), label
        dtypes = {"number": tf.float64, "text": tf.string}
        # One signature for batches of any length, so that the last one of a partition is not traced again.
        signature = {
            column.name: tf.TensorSpec((None, 1), dtypes[column.type], name=f"input_{i}")
            for i, column in enumerate(columns)
        }
        self._predict = tf.function(lambda rows: model(rows, training=False), input_signature=[signature])
        traced(self._predict)

    def predict(self, arrays: Sequence[pa.Array]) -> list[pa.Array]:
        """Score b rows.

        Args:
            arrays: for each column, b doubles or strings, with nulls.

        Returns:
            The predictions, in the order of `LabelSpec.prediction_columns`.
        """
        tensors = {column.name: _tensor(array, column) for column, array in zip(self._columns, arrays, strict=True)}
        return _arrays(self._predict(tensors), self._label)


@lru_cache(maxsize=1)
def load_predictor(
    file: str,
    sha256: str,
    columns: tuple[RawColumn, ...],
    label: LabelSpec,
    threads: int,
    modules: tuple[str, ...] = (),
) -> Predictor:
    """Load a model file, once per process: Spark reuses its Python workers for later tasks.

    Args:
        file: URI of the file, which is read by the process that calls this.
        sha256: the expected SHA-256 of the file.
        columns: the model's inputs.
        label: the label that it predicts.
        threads: the number of cores of a task.
        modules: top-level modules whose registered classes the model may have.

    Raises:
        StoreError: the file is missing, was altered, or has a class that is not allowed.
    """
    configure_devices(threads, ranks_on_host=1, local_rank=0)
    with local_copy(storage_path(file), sha256) as path:
        model = load_keras_file(path, modules)
    return Predictor(model, columns, label)


def _tensor(array: pa.Array, column: RawColumn) -> tf.Tensor:
    """[b, 1]; NaN stands for a number that is null, `NULL_TOKEN` for a text."""
    if column.type == "number":
        values = array.to_numpy(zero_copy_only=False)
        return tf.constant(values.astype(np.float64, copy=False).reshape(-1, 1))
    # As bytes: TensorFlow would encode each text again.
    texts = pc.fill_null(array, NULL_TOKEN).cast(pa.binary())
    return tf.constant(texts.to_numpy(zero_copy_only=False), tf.string, (len(array), 1))


def _arrays(output: Mapping[str, tf.Tensor], label: LabelSpec) -> list[pa.Array]:
    if not label.classes:
        numbers = output["prediction"]
        return [_numbers(numbers[:, i]) for i in range(numbers.shape[1])]
    classes = pa.array(output["label"][:, 0].numpy(), pa.binary()).cast(pa.string())
    probabilities = output["probabilities"]
    return [classes, *(_numbers(probabilities[:, i]) for i in range(len(label.classes)))]


def _numbers(column: Any) -> pa.Array:
    return pa.array(column.numpy().astype(np.float64))
