"""Padding rows that hold what no row may hold: a step is as if they were not there."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

from pipeline.feed.block import Block  # noqa: E402
from pipeline.model.network import build_network  # noqa: E402
from pipeline.networks.mlp import MlpConfig  # noqa: E402 (TensorFlow takes seconds to import)
from pipeline.training.world import SingleWorld  # noqa: E402
from tests.support.stateful import row_by_row, runner_of, with_state  # noqa: E402
from tests.support.stores import write_small_store  # noqa: E402

REAL, PADDING = 5, 3


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_small_store(tmp_path_factory.mktemp("padding"), {"train": [5], "validation": [5]})


def a_block(padding: float | None, *, real: int = REAL) -> Block:
    """Two steps of real rows, followed by three of padding that hold a number; None leaves padding out."""
    random, rows = np.random.default_rng(2), REAL + (0 if padding is None else PADDING)
    content = np.full((2, rows, 3), padding or 0.0, np.float32)
    content[:, :REAL] = random.normal(size=(2, REAL, 3))
    block = Block(
        tensors={"numeric": content[..., :2], "categorical": np.zeros((2, rows, 1), np.int32)},
        label=content[..., 2],
        weight=np.broadcast_to(np.arange(rows) < real, (2, rows)).astype(np.float32),
        mask=np.broadcast_to(np.arange(rows) < real, (2, rows)),
        rows=np.full(2, REAL, np.float32),
    )
    return tf.nest.map_structure(tf.constant, block)


def after_steps(network, store, block: Block) -> dict[str, np.ndarray]:
    """All that two steps of training and of validation change."""
    runner = runner_of(network, store, SingleWorld())
    runner.train(block)
    runner.validate(block)
    return runner.state()


@pytest.fixture(scope="module", params=["row_by_row", "with_state", "shipped"])
def padded(request, store):
    """Takes the steps of one network with some padding; and what they change where there is none."""
    builds = {
        "row_by_row": row_by_row,
        "with_state": with_state,
        "shipped": lambda: build_network(MlpConfig(hidden=(4,), l2=0.1), store.features, 3),
    }

    def steps(padding: float | None) -> dict[str, np.ndarray]:
        return after_steps(builds[request.param](), store, a_block(padding))

    return steps, steps(None)


@pytest.mark.parametrize("padding", [0.0, np.nan, np.inf])
def test_padding_changes_nothing_whatever_it_holds(padded, padding):
    steps, expected = padded
    found = steps(padding)
    assert len(expected) == len(found)
    for (name, array), other in zip(found.items(), expected.values(), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("build", [row_by_row, with_state])
def test_a_step_without_real_rows_leaves_finite_weights_and_no_trace_in_statistics(store, build):
    before = runner_of(build(), store, SingleWorld()).state()
    found = after_steps(build(), store, a_block(np.nan, real=0))
    for (name, array), other in zip(found.items(), before.values(), strict=True):
        assert np.isfinite(array).all(), name
        if "moving" in name or name.endswith(("mean", "bias")):
            np.testing.assert_array_equal(array, other, err_msg=name)


def test_a_loss_of_the_layers_outputs_sees_no_padding(store):
    """Such a regularisation is a sum over rows."""

    def build():
        keras.utils.set_random_seed(3)
        numeric = keras.Input((2,), name="numeric")
        hidden = keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(0.1))(numeric)
        return keras.Model({"numeric": numeric}, keras.layers.Dense(1)(hidden))

    expected, found = (after_steps(build(), store, a_block(padding)) for padding in (None, 7.0))
    for array, other in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-6)


def test_a_process_that_trains_several_times_is_not_warned_of_retracing(store, caplog):
    """TensorFlow does so after five calls of functions of one line that trace, whatever the functions."""
    for _ in range(6):
        runner_of(row_by_row(), store, SingleWorld()).train(a_block(None))
    assert "retracing" not in caplog.text
