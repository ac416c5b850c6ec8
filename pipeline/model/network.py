"""The network: from the store's columns to a raw output.

Inputs are `numeric` float32 [b, a] and `categorical` int32 [b, c], whichever the store has; the output is float32
[b, 1], or [b, k] for k classes, without an activation: what it means is the head's business (`head.py`).
"""

from __future__ import annotations

import keras

from pipeline.config.model import ModelConfig
from pipeline.contract.features import FeatureState
from pipeline.model.layers import OneHot

NETWORK = "network"


def build_network(config: ModelConfig, state: FeatureState, seed: int) -> keras.Model:
    """A multi-layer perceptron whose initial weights are a function of `seed`."""
    keras.utils.set_random_seed(seed)
    inputs, expanded = _inputs(state)
    x = keras.layers.Concatenate(name="features")(expanded) if len(expanded) > 1 else expanded[0]
    for number, units in enumerate(config.hidden):
        x = _dense(units, config, name=f"hidden_{number}", activation=config.activation)(x)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, name=f"dropout_{number}")(x)
    output = _dense(state.label.outputs, config, name="output")(x)
    return keras.Model(inputs, output, name=NETWORK)


def _inputs(state: FeatureState) -> tuple[dict[str, keras.KerasTensor], list[keras.KerasTensor]]:
    """The input tensors by name, and what the first layer sees of them."""
    inputs, expanded = {}, []
    if state.numeric:
        inputs["numeric"] = keras.Input((len(state.numeric),), dtype="float32", name="numeric")
        expanded.append(inputs["numeric"])
    if state.categorical:
        inputs["categorical"] = keras.Input((len(state.categorical),), dtype="int32", name="categorical")
        sizes = [feature.size for feature in state.categorical]
        expanded.append(OneHot(sizes, name="one_hot")(inputs["categorical"]))
    return inputs, expanded


def _dense(units: int, config: ModelConfig, *, name: str, activation: str | None = None) -> keras.layers.Layer:
    regularizer = keras.regularizers.L2(config.l2) if config.l2 else None
    return keras.layers.Dense(units, activation=activation, kernel_regularizer=regularizer, name=name)
