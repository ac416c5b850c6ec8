"""Learning rates by step, against their formulas, within a compiled function as in training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.config.schedule import ScheduleConfig

tf = pytest.importorskip("tensorflow")

from pipeline.training.schedule import build_schedule  # noqa: E402 (TensorFlow takes seconds to import)

PEAK, EPOCH_STEPS, EPOCHS = 0.2, 10, 5
TOTAL = EPOCH_STEPS * EPOCHS


def rates(**config) -> np.ndarray:
    schedule = build_schedule(ScheduleConfig(**config), peak=PEAK, epoch_steps=EPOCH_STEPS, epochs=EPOCHS)
    compiled = tf.function(schedule)
    return np.array([compiled(tf.constant(step, tf.int64)).numpy() for step in range(TOTAL)])


def half_cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


FORMULAS = {
    "step": ({"factor": 0.1, "every_epochs": 2}, lambda t: 0.1 ** (t // 20)),
    "exponential": ({"factor": 0.5}, lambda t: 0.5 ** (t / 10)),
    "cosine": ({"final": 0.1}, lambda t: half_cosine(1, 0.1, t / 50)),
    "polynomial": ({"power": 2.0, "final": 0.1}, lambda t: 0.1 + 0.9 * (1 - t / 50) ** 2),
    "one_cycle": (
        {"rise": 0.4, "start": 0.1, "final": 0.01},
        lambda t: half_cosine(0.1, 1, t / 20) if t < 20 else half_cosine(1, 0.01, (t - 20) / 30),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_each_follows_its_formula(name):
    settings, formula = FORMULAS[name]
    expected = [PEAK * formula(step) for step in range(TOTAL)]
    np.testing.assert_allclose(rates(name=name, **settings), expected, rtol=1e-5)


def test_a_constant_rate_needs_no_schedule():
    assert build_schedule(ScheduleConfig(), peak=PEAK, epoch_steps=EPOCH_STEPS, epochs=EPOCHS) is None


def test_warm_up_rises_evenly_to_the_peak_and_the_rest_follows():
    found = rates(name="cosine", warmup_epochs=0.5)
    np.testing.assert_allclose(found[:5], PEAK * np.arange(1, 6) / 5, rtol=1e-5)
    np.testing.assert_allclose(found[5:], [PEAK * half_cosine(1, 0, (t - 5) / 45) for t in range(5, 50)], rtol=1e-5)
    np.testing.assert_allclose(rates(warmup_epochs=1)[[0, 9, 40]], [PEAK / 10, PEAK, PEAK], rtol=1e-6)


def test_training_longer_than_planned_stays_at_the_end():
    schedule = build_schedule(ScheduleConfig(name="polynomial", final=0.5), peak=1.0, epoch_steps=10, epochs=1)
    assert schedule(tf.constant(10_000)).numpy() == pytest.approx(0.5)
