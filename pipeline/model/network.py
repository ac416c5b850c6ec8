"""The network: from the store's columns to a raw output.

Inputs are `numeric` float32 [b, a], a column for each of `FeatureState.numeric`, and `categorical` int32 [b, c], a
column for each of `FeatureState.id_columns`, whichever the store has. The output is float32 [b, 1], or [b, k] for k
classes, without an activation: what it means is the head's business (`head.py`).

What the first layer sees: numbers as they are or piecewise-linear; then ids one-hot, those of multi-valued features
as 1 for each value that a row has; then embeddings, of multi-valued features their mean over a row's values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from pipeline.activations import ACTIVATIONS
from pipeline.config.model import ModelConfig
from pipeline.kinds.state import CategoricalFeature, FeatureState, NumericFeature
from pipeline.model.expand import MeanOfSlots, MultiHot, OneHot, PiecewiseLinear

NETWORK = "network"


def build_network(config: ModelConfig, state: FeatureState, seed: int) -> keras.Model:
    """A multi-layer perceptron whose initial weights are a function of `seed`."""
    keras.utils.set_random_seed(seed)
    inputs, expanded = _inputs(state)
    x = keras.layers.Concatenate(name="features")(expanded) if len(expanded) > 1 else expanded[0]
    for number, units in enumerate(config.hidden):
        x = _dense(units, config, name=f"hidden_{number}", activation=ACTIVATIONS.get(config.activation).keras)(x)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
    # float32 even where the other layers compute with fewer bits: losses and predictions need them.
    output = _dense(state.label.outputs, config, name="output", dtype="float32")(x)
    return keras.Model(inputs, output, name=NETWORK)


def _inputs(state: FeatureState) -> tuple[dict[str, keras.KerasTensor], list[keras.KerasTensor]]:
    """The input tensors by name, and what the first layer sees of them."""
    inputs, expanded = {}, []
    if state.numeric:
        inputs["numeric"] = keras.Input((len(state.numeric),), dtype="float32", name="numeric")
        expanded.append(_numbers(state.numeric, inputs["numeric"]))
    if state.categorical:
        inputs["categorical"] = keras.Input((len(state.id_columns),), dtype="int32", name="categorical")
        expanded += _one_hot(state, inputs["categorical"])
        expanded += _embeddings(state, inputs["categorical"])
    return inputs, expanded


def _numbers(features: tuple[NumericFeature, ...], columns: keras.KerasTensor) -> keras.KerasTensor:
    edges = [feature.edges for feature in features]
    return PiecewiseLinear(edges, name="piecewise_linear")(columns) if any(edges) else columns


def _one_hot(state: FeatureState, ids: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    """All features of one value in one layer, then those of several values."""
    features = [(first, f) for first, f in _with_places(state) if f.encoding == "one_hot"]
    single = [(first, f.size) for first, f in features if f.separator is None]
    if single:
        columns, sizes = zip(*single, strict=True)
        yield OneHot(sizes, columns, name="one_hot")(ids)
    for first, feature in features:
        if feature.separator is not None:
            yield MultiHot(feature.size - 1, name=f"multi_hot_{first}")(ids[:, first : first + feature.slots])


def _embeddings(state: FeatureState, ids: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    for first, feature in _with_places(state):
        if feature.encoding != "embedding":
            continue
        embedding = keras.layers.Embedding(feature.size, feature.dimension, name=f"embedding_{first}")
        if feature.separator is None:
            yield embedding(ids[:, first])
        else:
            slots = ids[:, first : first + feature.slots]
            yield MeanOfSlots(feature.size - 1, name=f"mean_{first}")(slots, embedding(slots))


def output_of(network: keras.Model, rows: Any, *, training: bool = False) -> Any:
    """What a network says of rows: float32 [b, 1] or [b, k], also where layers compute with fewer bits.

    Args:
        network: see above.
        rows: with the network's inputs as attributes, such as a block's step or a window of a store.
        training: whether layers behave as in training.
    """
    inputs = {name: getattr(rows, name) for name in network.input}
    return tf.cast(network(inputs, training=training), tf.float32)


def _with_places(state: FeatureState) -> Iterator[tuple[int, CategoricalFeature]]:
    """Each categorical feature with the place of its first column."""
    first = 0
    for feature in state.categorical:
        yield first, feature
        first += feature.slots


def _dense(
    units: int, config: ModelConfig, *, name: str, activation: Any = None, dtype: str | None = None
) -> keras.layers.Layer:
    regularizer = keras.regularizers.L2(config.l2) if config.l2 else None
    return keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer, dtype=dtype, name=name)
