"""The model in TensorFlow's own format, SavedModel, for services without Keras and Python.

Its signature `serving_default` has an input for each raw column, float64 [b, 1] or string [b, 1], and the outputs of
the Keras model. TensorFlow allows few characters in names of inputs: `assets.extra/columns.json` maps them to columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.errors import TrainError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.text.layers import LookUpTexts
from pipeline.model.prediction_layer import LABEL
from pipeline.model.tracing import traced
from pipeline.schemas.tokens import NULL_TOKEN

ENDPOINT = "serving_default"
COLUMNS = "assets.extra/columns.json"
TYPES = {"number": tf.float64, "text": tf.string}
NUMBERS = (0.0, 1.0, -1.0, float("nan"), 1e6, -1e6, 0.5)
TEXTS = ("", "unseen", NULL_TOKEN, "é")
KNOWN_AT_MOST = 20
TOLERANCE = 1e-6


def write_saved_model(model: keras.Model, state: FittedFeatures, folder: Path) -> None:
    """Write the model, load it again, and compare the outputs of both for some rows.

    Args:
        model: the served model, as `build_serving_model` returns it.
        state: its fitted features.
        folder: the folder to write, which must not exist.

    Raises:
        TrainError: the outputs differ.
    """
    names = input_names([column.name for column in state.raw])
    types = {column.name: TYPES[column.type] for column in state.raw}
    signature = {names[column]: tf.TensorSpec((None, 1), kind, names[column]) for column, kind in types.items()}

    def serve(inputs: Mapping[str, Any]) -> Any:
        with tf.name_scope("serving"):  # TensorFlow allows no names that begin with `_` at the top level
            return model({column: inputs[name] for column, name in names.items()}, training=False)

    # Not Keras's own export: it also traces the nested network alone, under a name that TensorFlow does not allow.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.tables = [layer.table for layer in model.layers if isinstance(layer, LookUpTexts)]
    served = tf.function(serve, input_signature=[signature])
    traced(served)
    tf.saved_model.save(module, str(folder), signatures={ENDPOINT: served})
    file = folder / COLUMNS
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({name: column for column, name in names.items()}, ensure_ascii=False, indent=1) + "\n")
    _compare(model, folder, rows_to_try(state), names)


def input_names(columns: list[str]) -> dict[str, str]:
    """A different name for each column, of characters that TensorFlow allows."""
    names: dict[str, str] = {}
    for column in columns:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", column)
        plain = plain if plain[:1].isalpha() else f"column_{plain}"
        taken, name, number = set(names.values()), plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        names[column] = name
    return names


def rows_to_try(state: FittedFeatures) -> dict[str, Any]:
    """Raw columns of a few rows to try: usual values, odd ones, and examples from features, as tensors [b, 1]."""
    values: dict[str, list[Any]] = {
        column.name: [*(NUMBERS if column.type == "number" else TEXTS), *dict.fromkeys(_examples(state, column.name))]
        for column in state.raw
    }
    rows = max(map(len, values.values()))
    return {
        column.name: tf.constant([[(values[column.name] * rows)[row]] for row in range(rows)], TYPES[column.type])
        for column in state.raw
    }


def _examples(state: FittedFeatures, column: str) -> Iterator[Any]:
    """Some values of a column to which a feature reacts."""
    for feature in state.features:
        yield from islice(feature.examples(column), KNOWN_AT_MOST)


def _compare(model: keras.Model, folder: Path, rows: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Compare numbers only: classes follow from them, and a row exactly at the threshold may get either class."""
    served = tf.saved_model.load(str(folder)).signatures[ENDPOINT]
    outputs = served(**{names[column]: values for column, values in rows.items()})
    for name, expected in model(rows, training=False).items():
        if name == LABEL:
            continue
        keras_values, saved_values = np.asarray(expected, np.float64), np.asarray(outputs[name], np.float64)
        if not np.allclose(saved_values, keras_values, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            off = np.nanmax(np.abs(saved_values - keras_values))
            raise TrainError(
                f"The SavedModel and the Keras model predict differently: {name} differs by {off:.3g}. Allowed: "
                f"{TOLERANCE:g}. Remove saved_model from export.formats."
            )
