"""The model that is saved: raw columns in, predictions out, in one Keras file.

Inputs are named by column: a numeric column is float64 [b, 1], with NaN for null; a categorical one is string
[b, 1], with `NULL_TOKEN` for null. The network that was trained is the nested model `__network`.
The output is float32 [b, 1] (the label's own unit, or the probability of class id 1) or [b, k] probabilities.
Call the model itself with tensors: Keras's own `predict` rounds numpy arrays to float32 before the model sees them.

Keras wants every layer of a model to have a name of its own, inputs among them. The layers beside the inputs are
named with `OWN` in front, as no feature column is.
"""

from __future__ import annotations

from pathlib import Path

import keras

from pipeline.contract.features import OUT_OF_VOCABULARY, FeatureState, ScaledFeature, VocabularyFeature
from pipeline.contract.label import Task
from pipeline.errors import StoreError
from pipeline.model.head import label_unit
from pipeline.model.layers import FillAndScale
from pipeline.model.network import NETWORK

OWN = "__"
"""Configurations refuse feature columns that begin so."""


def build_serving_model(network: keras.Model, state: FeatureState) -> keras.Model:
    """Wrap a trained network in the features that its store was written with."""
    inputs: dict[str, keras.KerasTensor] = {}
    tensors = {}
    if state.numeric:
        columns = {f.name: keras.Input((1,), dtype="float64", name=f.name) for f in state.numeric}
        inputs |= columns
        tensors["numeric"] = _scaled(state.numeric, list(columns.values()))
    if state.categorical:
        columns = {f.name: keras.Input((1,), dtype="string", name=f.name) for f in state.categorical}
        inputs |= columns
        tensors["categorical"] = _side_by_side(
            [_lookup(i, f)(columns[f.name]) for i, f in enumerate(state.categorical)], "ids", "string"
        )
    return keras.Model(inputs, _answer(_named(network, OWN + NETWORK)(tensors), state), name="model")


def load_network(path: Path) -> keras.Model:
    """The trained network of a saved model.

    Raises:
        StoreError: the file is not such a model.
    """
    try:
        nested = keras.saving.load_model(path, compile=False, safe_mode=True).get_layer(OWN + NETWORK)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"Model {path} cannot be loaded: {error}. Train it again.") from error
    return _named(nested, NETWORK)


def _named(network: keras.Model, name: str) -> keras.Model:
    """The same layers and weights under another name; TensorFlow traces no model alone whose name begins with `_`."""
    return keras.Model(network.input, network.output, name=name)


def _scaled(features: tuple[ScaledFeature, ...], columns: list[keras.KerasTensor]) -> keras.KerasTensor:
    nan = float("nan")
    fill = [nan if feature.fill is None else feature.fill for feature in features]
    center, scale = [f.center for f in features], [f.scale for f in features]
    layer = FillAndScale(fill, center, scale, name=f"{OWN}fill_and_scale")
    return layer(_side_by_side(columns, "numeric", "float64"))


def _lookup(position: int, feature: VocabularyFeature) -> keras.layers.Layer:
    """Id 0 is out-of-vocabulary, as in the store."""
    vocabulary = list(feature.vocabulary) or ["\x00none"]
    name = f"{OWN}lookup_{position}"
    return keras.layers.StringLookup(vocabulary=vocabulary, num_oov_indices=OUT_OF_VOCABULARY + 1, name=name)


def _side_by_side(columns: list[keras.KerasTensor], name: str, dtype: str) -> keras.KerasTensor:
    return keras.layers.Concatenate(axis=1, name=OWN + name, dtype=dtype)(columns) if len(columns) > 1 else columns[0]


def _answer(z: keras.KerasTensor, state: FeatureState) -> keras.KerasTensor:
    match state.label.task:
        case Task.REGRESSION:
            return label_unit(state.label, name=f"{OWN}label_unit")(z)
        case Task.BINARY:
            return keras.layers.Activation("sigmoid", name=f"{OWN}probability")(z)
        case Task.MULTICLASS:
            return keras.layers.Activation("softmax", name=f"{OWN}probabilities")(z)
