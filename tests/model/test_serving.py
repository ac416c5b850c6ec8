"""The saved model: raw columns in, the very predictions of the network on the store's columns out."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import NULL_TOKEN

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.model.head import build_head  # noqa: E402
from pipeline.model.network import build_network  # noqa: E402
from pipeline.model.serving import build_serving_model, load_network  # noqa: E402
from tests.support import kinds  # noqa: E402

LABELS = [
    LabelSpec(name="y", task="regression", transform="log", center=2.0, scale=0.5),
    LabelSpec(name="y", task="regression", transform="standard", center=100.0, scale=30.0),
    LabelSpec(name="y", task="binary", classes=("no", "yes")),
    LabelSpec(name="y", task="multiclass", classes=("a", "b", "c")),
]


def state(label: LabelSpec) -> FittedFeatures:
    return FittedFeatures(
        numeric=(
            ScaledFeature(name="age", source="age", fill=40.0, center=40.0, scale=12.0),
            ScaledFeature(name="hours-per-week", source="hours-per-week", fill=None, center=0.0, scale=1.0),
        ),
        categorical=(
            VocabularyFeature(name="région été", sources=("région été",), vocabulary=("nord", "süd", NULL_TOKEN)),
        ),
        label=label,
    )


RAW = {
    "age": tf.constant([[20.0], [float("nan")], [61.0], [0.0]], tf.float64),
    "hours-per-week": tf.constant([[38.0], [-0.0], [1.5], [40.0]], tf.float64),
    "région été": tf.constant([["süd"], ["unseen"], [NULL_TOKEN], [""]]),
}
STORED = {
    "numeric": np.array([[-20 / 12, 38.0], [0.0, 0.0], [21 / 12, 1.5], [-40 / 12, 40.0]], np.float32),
    "categorical": np.array([[2], [0], [3], [0]], np.int32),
}


@pytest.mark.parametrize("label", LABELS, ids=lambda label: f"{label.task}-{label.transform}")
def test_raw_columns_give_what_stored_columns_give(tmp_path, label):
    network = build_network(MlpConfig(hidden=(5,)), state(label), seed=4)
    model = build_serving_model(network, state(label))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    z = np.asarray(network(STORED), np.float64)
    expected = {
        "regression": lambda: z * label.scale + label.center,
        "binary": lambda: 1 / (1 + np.exp(-z)),
        "multiclass": lambda: np.exp(z) / np.exp(z).sum(1, keepdims=True),
    }[label.task]()
    expected = np.expm1(expected) if label.transform == "log" else expected
    answer = loaded(RAW)
    if label.task == "regression":
        np.testing.assert_allclose(answer["prediction"], expected, rtol=2e-6)
    else:
        table = np.hstack([1 - expected, expected]) if label.task == "binary" else expected
        np.testing.assert_allclose(answer["probabilities"], table, rtol=2e-6)
        assert answer["probabilities"].dtype == tf.float32
        names = [[label.classes[place].encode()] for place in table.argmax(1)]
        assert answer["label"].numpy().tolist() == names
    np.testing.assert_allclose(np.asarray(load_network(tmp_path / "model.keras")(STORED)), z, rtol=1e-6)


OWN_LOOKING = ("network", "probability", "numeric", "fill_and_scale", "label_unit", "model")


@pytest.mark.parametrize("label", LABELS[1:3], ids=lambda label: label.task)
def test_columns_may_be_called_like_the_layers(tmp_path, label):
    named_alike = FittedFeatures(
        numeric=tuple(ScaledFeature(name=name, source=name, fill=0.0, center=0.0, scale=1.0) for name in OWN_LOOKING),
        categorical=tuple(
            VocabularyFeature(name=name, sources=(name,), vocabulary=("a",)) for name in ("ids", "lookup_0")
        ),
        label=label,
    )
    network = build_network(MlpConfig(hidden=(3,)), named_alike, seed=4)
    build_serving_model(network, named_alike).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    raw = {name: np.full((1, 1), 2.0) for name in OWN_LOOKING} | {n: tf.constant([["a"]]) for n in ("ids", "lookup_0")}
    stored = {"numeric": np.full((1, 6), 2.0, np.float32), "categorical": np.ones((1, 2), np.int32)}
    answer = build_head(label, "auto").predict(network(stored))
    found = tf.function(loaded)(raw)
    found = found["prediction"][:, 0] if label.task == "regression" else found["probabilities"][:, 1]
    np.testing.assert_allclose(found, answer, rtol=1e-6)
    again = tf.function(load_network(tmp_path / "model.keras"))
    np.testing.assert_allclose(again(stored), network(stored), rtol=1e-6)


@pytest.mark.parametrize("columns", [1, 2])
def test_large_numbers_are_rounded_once_all_the_way(tmp_path, columns):
    """Seconds since 1970, whose deviation is much smaller than they are."""
    center, scale = 1.7e9, 1e5
    seconds = 1.7e9 + np.random.default_rng(0).normal(0.0, scale, (100, 1))
    names = ["t", "u"][:columns]
    times = FittedFeatures(
        numeric=tuple(ScaledFeature(name=name, source=name, fill=0.0, center=center, scale=scale) for name in names),
        categorical=(),
        label=LabelSpec(name="y", task="regression"),
    )
    inputs = {"numeric": keras.Input((columns,), name="numeric")}
    unchanged = keras.Model(inputs, keras.layers.Identity()(inputs["numeric"])[:, :1])
    build_serving_model(unchanged, times).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    raw, expected = dict.fromkeys(names, seconds), ((seconds - center) / scale).astype(np.float32)
    np.testing.assert_array_equal(loaded(raw)["prediction"], expected)
    np.testing.assert_array_equal(tf.function(loaded)(raw)["prediction"], expected)


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"model.keras cannot be loaded: .* Train it again"):
        load_network(tmp_path / "model.keras")


def test_every_kind_of_feature_is_computed_from_raw_columns(tmp_path):
    """Against numpy, zlib and Python's own text functions."""
    state = kinds.every_kind()
    network = build_network(MlpConfig(hidden=(5,)), state, seed=4)
    build_serving_model(network, state).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    stored = keras.Model(loaded.input, [loaded.get_layer(name).output for name in ("__numeric", "__ids")])
    numeric, ids = stored(kinds.raw_tensors())
    np.testing.assert_allclose(numeric, kinds.numeric_columns(), rtol=1e-6)
    np.testing.assert_array_equal(ids, kinds.id_columns())
    answer = build_head(state.label, "auto").predict(network({"numeric": numeric, "categorical": ids}))
    np.testing.assert_allclose(loaded(kinds.raw_tensors())["prediction"][:, 0], answer, rtol=1e-6)
    np.testing.assert_allclose(tf.function(loaded)(kinds.raw_tensors())["prediction"][:, 0], answer, rtol=1e-5)
    one_row = {name: column[:1] for name, column in kinds.raw_tensors().items()}
    np.testing.assert_allclose(loaded(one_row)["prediction"][:, 0], answer[:1], rtol=1e-6)


@pytest.mark.parametrize("kind", ["texts", "numbers"])
def test_texts_alone_and_numbers_alone_need_no_other_input(kind):
    everything = kinds.every_kind()
    dropped = {"numeric": (), "derived": (), "categorical": everything.categorical[:2]}
    if kind == "numbers":
        dropped = {"numeric": everything.numeric[:3:2], "categorical": everything.categorical[2:3]}
    state = everything.model_copy(update=dropped)
    model = build_serving_model(build_network(MlpConfig(hidden=()), state, seed=4), state)
    assert set(model.input) == ({"city", "tags"} if kind == "texts" else {"area"})
    answer = model({name: column for name, column in kinds.raw_tensors().items() if name in model.input})
    assert np.isfinite(answer["prediction"]).all()
