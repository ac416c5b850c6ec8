"""The model that is saved: raw columns in, predictions out, in one Keras file.

    raw columns -> derived columns -> the store's columns -> the network that was trained -> the label's own unit

Inputs are the columns of `FeatureState.raw` by name: a number is float64 [b, 1], with NaN for null; a text is string
[b, 1], with `NULL_TOKEN` for null. The network that was trained is the nested model `__network`.
The output is a dict: of a regression `prediction`, float32 [b, 1], in the label's own unit; of a classification
`probabilities`, float32 [b, k], calibrated, for both classes of a label that has two, and `label`, string [b, 1].
Call the model itself with tensors: Keras's own `predict` rounds numpy arrays to float32 before the model sees them.

Keras wants every layer of a model to have a name of its own, inputs among them. The layers beside the inputs are
named with `OWN` in front, as no feature column is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras

from pipeline.contract.decision import Decision
from pipeline.contract.features import (
    CROSS_SEPARATOR,
    NULL_TOKEN,
    OUT_OF_VOCABULARY,
    BucketFeature,
    FeatureState,
    HashedFeature,
    MappedFeature,
    ScaledFeature,
    VocabularyFeature,
    slot_names,
)
from pipeline.contract.label import LabelSpec, Task
from pipeline.errors import StoreError
from pipeline.model.columns import SideBySide
from pipeline.model.deciding import PREDICTION, Decide
from pipeline.model.expression import Derive
from pipeline.model.head import label_unit
from pipeline.model.network import NETWORK
from pipeline.model.numbers import Bucketize, ScaleNumbers
from pipeline.model.texts import NO_VALUE, HashTexts, JoinTexts, LookUpTexts, SplitTexts

AS_IS = Decision()

OWN = "__"
"""Configurations refuse feature columns that begin so."""

Columns = Mapping[str, keras.KerasTensor]
Part = tuple[Sequence[str], keras.KerasTensor]
"""Columns of the store: their names, and [b, as many]."""


def build_serving_model(network: keras.Model, state: FeatureState, decision: Decision = AS_IS) -> keras.Model:
    """Wrap a trained network in the features that its store was written with, and in what is decided on its output."""
    types = {"number": "float64", "text": "string"}
    inputs = {column.name: keras.Input((1,), dtype=types[column.type], name=column.name) for column in state.raw}
    columns = _derived(inputs, state)
    tensors = {}
    if state.numeric:
        names = [feature.name for feature in state.numeric]
        tensors["numeric"] = _in_order("numeric", names, list(_numeric(state, columns)))
    if state.categorical:
        names = [name for name, _ in state.id_columns]
        tensors["categorical"] = _in_order("ids", names, list(_ids(state, columns)))
    return keras.Model(inputs, _answer(_named(network, OWN + NETWORK)(tensors), state.label, decision), name="model")


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


def _derived(inputs: Columns, state: FeatureState) -> Columns:
    """The raw columns, and those that are computed from them."""
    if not state.derived:
        return inputs
    computed = Derive([column.model_dump(mode="json") for column in state.derived], name=f"{OWN}derive")(inputs)
    return {**inputs, **{column.name: computed[column.name] for column in state.derived}}


def _numeric(state: FeatureState, columns: Columns) -> Iterator[Part]:
    """All scaled numbers at once, then texts that stand for numbers."""
    scaled = [feature for feature in state.numeric if isinstance(feature, ScaledFeature)]
    if scaled:
        settings = [feature.model_dump(exclude={"kind", "name", "source", "edges"}) for feature in scaled]
        layer = ScaleNumbers(settings, name=f"{OWN}scale")
        yield [feature.name for feature in scaled], layer(_numbers("scaled", scaled, columns))
    for place, feature in enumerate(state.numeric):
        if isinstance(feature, MappedFeature):
            layer = LookUpTexts(
                feature.vocabulary, feature.values, feature.default, "float32", name=f"{OWN}mapped_{place}"
            )
            yield [feature.name], layer(_text(place, feature, columns))


def _ids(state: FeatureState, columns: Columns) -> Iterator[Part]:
    """All intervals at once, then texts."""
    buckets = [feature for feature in state.categorical if isinstance(feature, BucketFeature)]
    if buckets:
        layer = Bucketize([feature.edges for feature in buckets], name=f"{OWN}bucketize")
        yield [feature.name for feature in buckets], layer(_numbers("buckets", buckets, columns))
    for place, feature in enumerate(state.categorical, start=len(state.numeric)):
        if not isinstance(feature, BucketFeature):
            text = _text(place, feature, columns)
            if feature.separator is not None:
                text = SplitTexts(feature.separator, feature.slots, name=f"{OWN}split_{place}")(text)
            yield slot_names(feature), _id_layer(feature, name=f"{OWN}id_{place}")(text)


def _id_layer(feature: VocabularyFeature | HashedFeature, name: str) -> keras.layers.Layer:
    """From texts, or the values of slots, to ids."""
    padding = {} if feature.separator is None else {NO_VALUE: feature.size - 1}
    if isinstance(feature, HashedFeature):
        null = {NULL_TOKEN: OUT_OF_VOCABULARY} if len(feature.sources) == 1 else {}  # a cross is never null
        return HashTexts(feature.buckets, null | padding, name=name)
    ids = {text: number for number, text in enumerate(feature.vocabulary, start=1)} | padding
    return LookUpTexts(list(ids), list(ids.values()), OUT_OF_VOCABULARY, "int32", name=name)


def _numbers(name: str, features: Sequence[ScaledFeature | BucketFeature], columns: Columns) -> keras.KerasTensor:
    order = range(len(features))
    return SideBySide(order, name=f"{OWN}{name}")([columns[feature.source] for feature in features])


def _text(
    place: int, feature: MappedFeature | VocabularyFeature | HashedFeature, columns: Columns
) -> keras.KerasTensor:
    texts = [columns[source] for source in feature.sources]
    return texts[0] if len(texts) == 1 else JoinTexts(CROSS_SEPARATOR, name=f"{OWN}join_{place}")(texts)


def _in_order(name: str, wanted: Sequence[str], parts: Sequence[Part]) -> keras.KerasTensor:
    """The store's columns, in the order in which the network was trained on them."""
    made = {column: place for place, column in enumerate(column for names, _ in parts for column in names)}
    return SideBySide([made[column] for column in wanted], name=OWN + name)([part for _, part in parts])


def _answer(z: keras.KerasTensor, label: LabelSpec, decision: Decision) -> dict[str, keras.KerasTensor]:
    if label.task is Task.REGRESSION:
        return {PREDICTION: label_unit(label, name=f"{OWN}label_unit")(z)}
    calibration = decision.calibration.model_dump(mode="json")
    answer: dict[str, keras.KerasTensor] = Decide(label.classes, calibration, decision.threshold, name=f"{OWN}decide")(
        z
    )
    return answer
