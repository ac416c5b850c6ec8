"""The network as Keras sees it: from the tensors of a batch to a raw output.

Its inputs are the tensors that the features feed, by name, [b, ...] each (`FittedFeatures.tensors`). What lies between
them and the output is up to the network that the configuration names (`pipeline/networks`). The output is float32
[b, 1], or [b, k] for k classes, without an activation: what it means is the head's business (`head.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from pipeline.errors import ConfigError, StoreError
from pipeline.kinds.fitted_features import CategoricalFeature, FittedFeatures, NumericFeature
from pipeline.model.expand import MeanOfSlots, MultiHot, OneHot, PiecewiseLinear
from pipeline.networks.network import NetworkConfig, NetworkInputs
from pipeline.schemas.tensors import described

NETWORK = "network"


def build_network(config: NetworkConfig, state: FittedFeatures, seed: int) -> keras.Model:
    """The network of a configuration, whose initial weights are a function of `seed`.

    Raises:
        ConfigError: the network's output has another shape than the label needs.
    """
    keras.utils.set_random_seed(seed)
    tensors = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in state.tensors}
    inputs = NetworkInputs(tensors, tuple(_encoded(state, tensors)), state)
    output = config.build(inputs, state.label.outputs)
    if tuple(output.shape) != (None, state.label.outputs):
        raise ConfigError(
            f"model.type '{config.type}': build returned a tensor of shape {tuple(output.shape)}. Allowed: "
            f"(None, {state.label.outputs}), a column for each output of label '{state.label.name}'. Correct build."
        )
    return keras.Model(tensors, output, name=NETWORK)


def output_of(network: keras.Model, batch: Any, *, training: bool = False) -> Any:
    """What a network says of a batch: float32 [b, 1] or [b, k], also where layers compute with fewer bits.

    Args:
        network: see above.
        batch: with tensors by name, such as a block's step or the rows of a store.
        training: whether layers behave as in training.

    Raises:
        StoreError: a tensor is not what the network takes.
    """
    for name, expected in network.input.items():
        _check_tensor(name, batch.tensors.get(name), expected)
    inputs = {name: batch.tensors[name] for name in network.input}
    return tf.cast(network(inputs, training=training), tf.float32)


def _check_tensor(name: str, tensor: Any, expected: keras.KerasTensor) -> None:
    wanted = described(expected.dtype, expected.shape[1:])
    given = "missing" if tensor is None else described(tf.as_dtype(tensor.dtype).name, tensor.shape[1:])
    if given != wanted:
        raise StoreError(
            f"Tensor '{name}' is {given} in the feed, and {wanted} in the network. Prepare the store and train the "
            "network by one configuration."
        )


def _encoded(state: FittedFeatures, tensors: Mapping[str, keras.KerasTensor]) -> Iterator[keras.KerasTensor]:
    """The features as numbers, in the order in which the first layer sees them."""
    if state.numeric:
        yield _numbers(state.numeric, tensors["numeric"])
    if state.categorical:
        yield from _one_hot(state, tensors["categorical"])
        yield from _embeddings(state, tensors["categorical"])


def _numbers(features: tuple[NumericFeature, ...], columns: keras.KerasTensor) -> keras.KerasTensor:
    edges = [feature.edges for feature in features]
    return PiecewiseLinear(edges, name="piecewise_linear")(columns) if any(edges) else columns


def _one_hot(state: FittedFeatures, ids: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    """All features of one value in one layer, then those of several values."""
    features = [(first, f) for first, f in _with_first_columns(state) if f.encoding == "one_hot"]
    single = [(first, f.size) for first, f in features if f.separator is None]
    if single:
        columns, sizes = zip(*single, strict=True)
        yield OneHot(sizes, columns, name="one_hot")(ids)
    for first, feature in features:
        if feature.separator is not None:
            yield MultiHot(feature.size - 1, name=f"multi_hot_{first}")(ids[:, first : first + feature.slots])


def _embeddings(state: FittedFeatures, ids: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    for first, feature in _with_first_columns(state):
        if feature.encoding != "embedding":
            continue
        embedding = keras.layers.Embedding(feature.size, feature.dimension, name=f"embedding_{first}")
        if feature.separator is None:
            yield embedding(ids[:, first])
        else:
            slots = ids[:, first : first + feature.slots]
            yield MeanOfSlots(feature.size - 1, name=f"mean_{first}")(slots, embedding(slots))


def _with_first_columns(state: FittedFeatures) -> Iterator[tuple[int, CategoricalFeature]]:
    """Each categorical feature with the place of its first column."""
    first = 0
    for feature in state.categorical:
        yield first, feature
        first += feature.slots
