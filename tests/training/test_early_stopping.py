"""Early stopping is a pure function of the losses."""

from __future__ import annotations

from pipeline.config.train import EarlyStoppingConfig
from pipeline.training.early_stopping import EarlyStopping


def after(losses, config):
    early_stopping = EarlyStopping(config)
    for epoch, loss in enumerate(losses):
        early_stopping = early_stopping.after(epoch, loss)
    return early_stopping


def test_the_lowest_loss_is_the_best():
    early_stopping = after([3.0, 1.0, 2.0], EarlyStoppingConfig(patience=5))
    assert (early_stopping.best_epoch, early_stopping.best, early_stopping.stops) == (1, 1.0, False)


def test_stops_when_patience_ends():
    config = EarlyStoppingConfig(patience=2)
    assert not after([3.0, 1.0, 2.0], config).stops
    assert after([3.0, 1.0, 2.0, 1.5], config).stops


def test_a_small_improvement_is_kept_but_not_waited_for():
    early_stopping = after([1.0, 0.95, 0.91], EarlyStoppingConfig(patience=2, min_delta=0.2))
    assert early_stopping.stops
    assert early_stopping.best_epoch == 2


def test_steady_small_improvements_add_up_against_the_last_one_that_counted():
    config = EarlyStoppingConfig(patience=3, min_delta=0.01)
    assert not after([1.0 - 0.006 * epoch for epoch in range(20)], config).stops


def test_without_a_config_nothing_stops():
    assert not after([1.0] + [2.0] * 100, None).stops
