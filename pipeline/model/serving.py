"""The model that is saved: raw columns in, predictions out, in one Keras file.

Inputs are named by column: a numeric column is float32 [b, 1], with NaN for null; a categorical one is string
[b, 1], with `NULL_TOKEN` for null. The network that was trained is the nested model `network`.
The output is float32 [b, 1] (the label's own unit, or the probability of class id 1) or [b, k] probabilities.
"""

from __future__ import annotations

from pathlib import Path

import keras

from pipeline.contract.features import OUT_OF_VOCABULARY, CategoricalFeature, FeatureState, NumericFeature
from pipeline.contract.label import Task
from pipeline.errors import StoreError
from pipeline.model.head import label_unit
from pipeline.model.layers import FillAndScale
from pipeline.model.network import NETWORK


def build_serving_model(network: keras.Model, state: FeatureState) -> keras.Model:
    """Wrap a trained network in the features that its store was written with."""
    inputs: dict[str, keras.KerasTensor] = {}
    tensors = {}
    if state.numeric:
        columns = {f.name: keras.Input((1,), dtype="float32", name=f.name) for f in state.numeric}
        inputs |= columns
        tensors["numeric"] = _scaled(state.numeric, list(columns.values()))
    if state.categorical:
        columns = {f.name: keras.Input((1,), dtype="string", name=f.name) for f in state.categorical}
        inputs |= columns
        tensors["categorical"] = _side_by_side(
            [_lookup(i, f)(columns[f.name]) for i, f in enumerate(state.categorical)], "ids"
        )
    return keras.Model(inputs, _answer(network(tensors), state), name="model")


def load_network(path: Path) -> keras.Model:
    """The trained network of a saved model.

    Raises:
        StoreError: the file is not such a model.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True).get_layer(NETWORK)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"Model {path} cannot be loaded: {error}. Train it again.") from error


def _scaled(features: tuple[NumericFeature, ...], columns: list[keras.KerasTensor]) -> keras.KerasTensor:
    nan = float("nan")
    fill = [nan if feature.fill is None else feature.fill for feature in features]
    layer = FillAndScale(fill, [f.center for f in features], [f.scale for f in features], name="fill_and_scale")
    return layer(_side_by_side(columns, "numeric"))


def _lookup(position: int, feature: CategoricalFeature) -> keras.layers.Layer:
    """Id 0 is out-of-vocabulary, as in the store."""
    if not feature.vocabulary:
        return keras.layers.StringLookup(vocabulary=["\x00none"], num_oov_indices=1, name=f"lookup_{position}")
    return keras.layers.StringLookup(
        vocabulary=list(feature.vocabulary), num_oov_indices=OUT_OF_VOCABULARY + 1, name=f"lookup_{position}"
    )


def _side_by_side(columns: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    return keras.layers.Concatenate(axis=1, name=name)(columns) if len(columns) > 1 else columns[0]


def _answer(z: keras.KerasTensor, state: FeatureState) -> keras.KerasTensor:
    match state.label.task:
        case Task.REGRESSION:
            return label_unit(state.label)(z)
        case Task.BINARY:
            return keras.layers.Activation("sigmoid", name="probability")(z)
        case Task.MULTICLASS:
            return keras.layers.Activation("softmax", name="probabilities")(z)
