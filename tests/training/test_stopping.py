"""Early stopping is a pure function of the losses."""

from __future__ import annotations

from pipeline.config.train import EarlyStoppingConfig
from pipeline.training.stopping import Stopping


def after(losses, config):
    stopping = Stopping(config)
    for epoch, loss in enumerate(losses):
        stopping = stopping.after(epoch, loss)
    return stopping


def test_the_lowest_loss_is_the_best():
    stopping = after([3.0, 1.0, 2.0], EarlyStoppingConfig(patience=5))
    assert (stopping.best_epoch, stopping.best, stopping.stops) == (1, 1.0, False)


def test_stops_when_patience_ends():
    config = EarlyStoppingConfig(patience=2)
    assert not after([3.0, 1.0, 2.0], config).stops
    assert after([3.0, 1.0, 2.0, 1.5], config).stops


def test_a_small_improvement_is_kept_but_not_waited_for():
    stopping = after([1.0, 0.95, 0.91], EarlyStoppingConfig(patience=2, min_delta=0.2))
    assert stopping.stops
    assert stopping.best_epoch == 2


def test_steady_small_improvements_add_up_against_the_last_one_that_counted():
    config = EarlyStoppingConfig(patience=3, min_delta=0.01)
    assert not after([1.0 - 0.006 * epoch for epoch in range(20)], config).stops


def test_without_a_config_nothing_stops():
    assert not after([1.0] + [2.0] * 100, None).stops
