"""The network as Keras sees it: from the tensors of a batch to a raw output.

Its inputs are the tensors of the features, by name, [b, ...] each (`FittedFeatures.tensors`). The network that the
configuration names computes the output from them (`pipeline/networks`): float32 [b, 1], or [b, k] for k classes,
without an activation, which the head interprets (`head.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from pipeline.errors import ConfigError, StoreError
from pipeline.kinds.fitted_features import CategoricalFeature, FittedFeatures
from pipeline.model.expand import MeanOfSlots, MultiHot, OneHot, PiecewiseLinear
from pipeline.networks.network import NetworkConfig, NetworkInputs
from pipeline.schemas.tensors import described

NETWORK = "network"


def build_network(config: NetworkConfig, state: FittedFeatures, seed: int) -> keras.Model:
    """Build the network of a configuration, with initial weights that depend on `seed` alone.

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
    """The output of a network for a batch: float32 [b, 1] or [b, k], also if layers compute with fewer bits.

    Args:
        network: the network, as `build_network` returns it.
        batch: an object with tensors by name, such as a step of a block or rows of a store.
        training: whether layers run in training mode.

    Raises:
        StoreError: a tensor does not match the network's input.
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
    """The features as numbers, in the order in which the network gets them."""
    if state.numeric:
        edges, columns = [feature.edges for feature in state.numeric], tensors["numeric"]
        yield PiecewiseLinear(edges, name="piecewise_linear")(columns) if any(edges) else columns
    if state.categorical:
        yield from _one_hot(state, tensors["categorical"])
        yield from _embeddings(state, tensors["categorical"])


def _one_hot(state: FittedFeatures, ids: keras.KerasTensor) -> Iterator[keras.KerasTensor]:
    """One layer for all single-valued features, then one for each multi-valued feature."""
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
    """Each categorical feature with the position of its first column."""
    first = 0
    for feature in state.categorical:
        yield first, feature
        first += feature.slots
