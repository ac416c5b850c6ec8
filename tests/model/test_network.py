"""What the first layer of a network sees of the store's columns."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError, StoreError
from pipeline.feed.rows import Rows
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.networks.mlp import MlpConfig
from pipeline.networks.network import NetworkConfig, NetworkInputs
from pipeline.schemas.label import LabelSpec
from tests.support import kinds

keras = pytest.importorskip("keras")

from pipeline.model.expand import PiecewiseLinear  # noqa: E402 (TensorFlow takes seconds to import)
from pipeline.model.network import build_network, output_of  # noqa: E402


def test_the_first_layer_sees_every_feature_once():
    state = kinds.every_kind()
    network = build_network(MlpConfig(hidden=(3,)), state, seed=1)
    seen = keras.Model(network.input, network.get_layer("features").output)
    numeric, ids = kinds.numeric_columns(), kinds.id_columns()
    found = np.asarray(seen({"numeric": numeric, "categorical": ids}))
    vectors = {name: network.get_layer(f"embedding_{name}").get_weights()[0] for name in (5, 7, 8, 9)}
    expected = [
        np.asarray(PiecewiseLinear([f.edges if f.kind == "scaled" else () for f in state.numeric])(numeric)),
        *(np.eye(size)[ids[:, column]] for column, size in ((3, 7), (4, 5), (6, 4))),
        np.array([[float(i in row[:3]) for i in range(4)] for row in ids]),
        *(vectors[column][ids[:, column]] for column in (5, 7, 8)),
        np.array([np.mean([vectors[9][i] for i in row[9:] if i != 6] or [np.zeros(4)], axis=0) for row in ids]),
    ]
    np.testing.assert_allclose(found, np.hstack(expected), rtol=1e-6, atol=1e-7)


def test_weights_are_a_function_of_the_seed():
    built = [build_network(MlpConfig(hidden=(3,)), kinds.every_kind(), seed).get_weights() for seed in (1, 1, 2)]
    assert all(np.array_equal(one, again) for one, again in zip(built[0], built[1], strict=True))
    assert not np.array_equal(built[0][0], built[2][0])


def test_many_numbers_need_few_layers():
    features = tuple(ScaledFeature(name=f"x{i}", source=f"x{i}", edges=(0.0, 1.0, 2.0)) for i in range(500))
    state = FittedFeatures(numeric=features, categorical=(), label=LabelSpec(name="y", task="regression"))
    network = build_network(MlpConfig(hidden=(3,)), state, seed=1)
    assert [layer.name for layer in network.layers] == ["numeric", "piecewise_linear", "hidden_0", "output"]
    assert network.get_layer("piecewise_linear").output.shape == (None, 1000)


class Averaged(NetworkConfig):
    """A network of the test's own, which gives as many columns as it is told to."""

    type: str = "averaged"
    width: int = 1

    def build(self, inputs: NetworkInputs, outputs: int):
        return keras.layers.Dense(self.width, name="output")(inputs.flat())


def test_an_output_of_another_shape_is_refused():
    state = FittedFeatures(
        numeric=(ScaledFeature(name="x", source="x"),), categorical=(), label=LabelSpec(name="y", task="regression")
    )
    with pytest.raises(ConfigError, match=r"'averaged': build returned .* shape \(None, 3\). Allowed: \(None, 1\)"):
        build_network(Averaged(width=3), state, seed=1)
    assert build_network(Averaged(), state, seed=1).output.shape == (None, 1)


def test_a_batch_that_does_not_fit_is_refused_with_both_sides():
    state = kinds.every_kind()
    network = build_network(MlpConfig(hidden=(3,)), state, seed=1)
    numeric, ids = kinds.numeric_columns().astype(np.float32), kinds.id_columns().astype(np.int32)

    def output(**tensors: np.ndarray) -> np.ndarray:
        none = np.empty(0)
        return np.asarray(output_of(network, Rows(tensors, none, none, none)))

    further = np.zeros((len(ids), 2), np.float32)
    assert output(numeric=numeric, categorical=ids, further=further).shape == (len(ids), 1)
    for tensors, message in (
        (
            {"numeric": numeric[:, 1:], "categorical": ids},
            r"'numeric' is float32 \[5\] in the feed, and float32 \[6\]",
        ),
        (
            {"numeric": numeric, "categorical": ids.astype(np.int64)},
            r"is int64 \[11\] in .* int32 \[11\]",
        ),
        ({"categorical": ids}, r"'numeric' is missing in the feed, and float32 \[6\] in the network. Prepare"),
    ):
        with pytest.raises(StoreError, match=message):
            output(**tensors)
