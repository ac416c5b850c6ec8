"""What becomes of gradients in a world of one: clipping, passes, scaled losses, schedules, rows of embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config.optimizer import OptimizerConfig

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

from pipeline.optimizers import OPTIMIZERS  # noqa: E402
from pipeline.training.optimizer import build_optimizer  # noqa: E402
from pipeline.training.world import SingleWorld  # noqa: E402

GRADIENT = np.array([3.0, -4.0], np.float32)
OTHER = np.array([0.0, 12.0], np.float32)


def steps(settings, gradients, **more):
    """Plain gradient descent at rate 1 from zero: the weights tell what the gradients became."""
    variables = [keras.Variable(np.zeros(2, np.float32)), keras.Variable(np.zeros(2, np.float32))]
    optimizer = build_optimizer(
        OptimizerConfig(name="sgd", learning_rate=1.0, **settings), SingleWorld(), more.pop("schedule", None), **more
    )
    optimizer.build(variables)
    apply = tf.function(lambda given: optimizer.apply(given, variables))
    for gradient in gradients:
        apply([tf.constant(part) for part in gradient])
    return optimizer, [-variable.numpy() for variable in variables]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [GRADIENT, OTHER]),
        ({"clip_value": 3.5}, [[3.0, -3.5], [0.0, 3.5]]),
        ({"clip_norm": 1.0}, [GRADIENT / 5, OTHER / 12]),
        ({"clip_global_norm": 1.0}, [GRADIENT / 13, OTHER / 13]),
    ],
)
def test_clipping_bounds_what_it_says_and_the_norm_is_that_before(settings, expected):
    optimizer, found = steps(settings, [(GRADIENT, OTHER), (0 * GRADIENT, 0 * OTHER)])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert optimizer.norms.finish() == pytest.approx({"gradient_norm": 6.5, "gradient_norm_max": 13.0})
    assert optimizer.norms.finish() == {}


def test_several_passes_make_one_step_of_their_mean():
    optimizer, found = steps(
        {"backward_passes_per_step": 2, "clip_value": 4.0}, [(GRADIENT, OTHER), (-GRADIENT, OTHER)]
    )
    np.testing.assert_allclose(found, [[0, 0], [0, 4.0]], rtol=1e-6)
    assert optimizer.norms.finish() == pytest.approx({"gradient_norm": 12.0, "gradient_norm_max": 12.0})
    _, unfinished = steps({"backward_passes_per_step": 2}, [(GRADIENT, OTHER)])
    assert not np.any(unfinished)


def test_scaled_losses_leave_gradients_as_they_are_and_leave_out_what_is_not_finite():
    scale = 2.0**15
    bad = np.array([np.inf, 1], np.float32)
    optimizer, found = steps({"clip_norm": 5.0}, [(scale * GRADIENT, scale * OTHER), (bad, OTHER)], scales_loss=True)
    np.testing.assert_allclose(found, [GRADIENT, OTHER * 5 / 12], rtol=1e-6)
    assert float(optimizer.dynamic_scale) == scale / 2
    assert optimizer.norms.finish()["gradient_norm_max"] == pytest.approx(13.0)


def test_a_schedule_is_asked_for_each_step_of_the_optimizer():
    rate = lambda step: tf.gather([1.0, 10.0, 100.0], step)  # noqa: E731
    ones = np.ones(2, np.float32)
    _, found = steps({}, [(ones, ones)] * 3, schedule=rate)
    assert found[0].tolist() == [111.0, 111.0]
    optimizer, found = steps({"backward_passes_per_step": 2}, [(ones, ones)] * 4, schedule=rate)
    assert found[0].tolist() == [11.0, 11.0]
    assert float(optimizer.learning_rate) == 100.0


def test_the_learning_rate_may_be_assigned_between_compiled_steps():
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer = build_optimizer(OptimizerConfig(name="sgd", learning_rate=1.0), SingleWorld())
    optimizer.build([variable])
    apply = tf.function(lambda: optimizer.apply([tf.ones(2)], [variable]))
    apply()
    optimizer.learning_rate = 0.5
    apply()
    assert variable.numpy().tolist() == [-1.5, -1.5]


@pytest.mark.parametrize("name", OPTIMIZERS.names)
@pytest.mark.parametrize("passes", [1, 2])
def test_every_optimizer_takes_rows_of_an_embedding_as_it_takes_the_table(name, passes):
    results = []
    for dense in (False, True):
        table = keras.Variable(np.ones((50, 4), np.float32), name="table")
        optimizer = build_optimizer(OptimizerConfig(name=name, backward_passes_per_step=passes), SingleWorld())
        optimizer.build([table])
        for seed in range(2 * passes):
            values = tf.constant(np.random.default_rng(seed).normal(size=(3, 4)), tf.float32)
            rows = tf.IndexedSlices(values, tf.constant([1, 7, 7]), dense_shape=tf.constant([50, 4]))
            optimizer.apply([tf.convert_to_tensor(rows) if dense else rows], [table])
        results.append(table.numpy())
    np.testing.assert_array_equal(*results)
    assert np.any(results[0] != 1)
