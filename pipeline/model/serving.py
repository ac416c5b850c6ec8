"""The served model: raw columns in, predictions out, in one Keras file.

    raw columns -> derived columns -> the store's columns -> the trained network -> the label's own unit

Inputs are the columns of `FittedFeatures.raw` by name: a number is float64 [b, 1], with NaN for null; a text is string
[b, 1], with `NULL_TOKEN` for null. The trained network is the nested model `__network`.
The output is a dict: `prediction`, float32 [b, 1], in the label's own unit for a regression; for a classification
`probabilities`, calibrated float32 [b, k] (k is 2 for a binary label), and `label`, string [b, 1].
Call the model itself with tensors: Keras's own `predict` rounds numpy arrays to float32 before the model sees them.
"""

from __future__ import annotations

from pathlib import Path

import keras

# Imported here so that every layer that a saved model may have is registered with Keras.
import pipeline.model.label_unit
import pipeline.model.prediction_layer  # noqa: F401
from pipeline.errors import StoreError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.interfaces import layers_of
from pipeline.kinds.layer import OWN, Columns, ConcatColumns
from pipeline.kinds.registry import by_kind, feature_kinds
from pipeline.model.expression import Derive
from pipeline.model.keras_file import load_keras_file
from pipeline.model.network import NETWORK
from pipeline.schemas.decision import DecisionRule

AS_IS = DecisionRule()

LAYER_NAMES = {"categorical": "ids"}
"""Names of layers that are not called like their tensor; saved models have these names."""

LAYERS = {kind: layers_of(kind) for kind in feature_kinds()}
"""Loaded here for the same reason as the imports above."""


def build_serving_model(network: keras.Model, state: FittedFeatures, decision: DecisionRule = AS_IS) -> keras.Model:
    """Wrap a trained network: its store's features before it, and the decision rule after it."""
    types = {"number": "float64", "text": "string"}
    inputs = {column.name: keras.Input((1,), dtype=types[column.type], name=column.name) for column in state.raw}
    columns = _derived(inputs, state)
    tensors = {spec.name: _tensor(spec.name, state, columns) for spec in state.tensors}
    z = _named(network, OWN + NETWORK)(tensors)
    return keras.Model(inputs, state.label.target.serving_outputs(z, state.label, decision, prefix=OWN), name="model")


def load_network(path: Path) -> keras.Model:
    """The trained network of a saved model.

    Raises:
        StoreError: the file is no such model.
    """
    model = load_keras_file(path)
    try:
        return _named(model.get_layer(OWN + NETWORK), NETWORK)
    except (AttributeError, ValueError) as error:
        raise StoreError(f"Model {path} has no network: {error} Train it again.") from error


def _named(network: keras.Model, name: str) -> keras.Model:
    """The same layers and weights under another name: TensorFlow cannot trace a model whose name begins with `_`."""
    return keras.Model(network.input, network.output, name=name)


def _derived(inputs: Columns, state: FittedFeatures) -> Columns:
    """The raw columns, and the derived ones."""
    if not state.derived:
        return inputs
    computed = Derive([column.model_dump(mode="json") for column in state.derived], name=f"{OWN}derive")(inputs)
    return {**inputs, **{column.name: computed[column.name] for column in state.derived}}


def _tensor(name: str, state: FittedFeatures, columns: Columns) -> keras.KerasTensor:
    """One of the network's inputs: the store's columns in the order of training."""
    fed = [feature for feature in state.features if any(spec.name == name for spec in feature.tensors)]
    # Layers are named by the positions of their features among all features, so that tensors share no names.
    parts = [
        part
        for kind, placed in by_kind(fed, first=state.features.index(fed[0])).items()
        for part in layers_of(kind).serve(placed, columns)
    ]
    positions = {column: position for position, column in enumerate(column for names, _ in parts for column in names)}
    order = [positions[column] for feature in fed for column in feature.columns]
    return ConcatColumns(order, name=OWN + LAYER_NAMES.get(name, name))([part for _, part in parts])
