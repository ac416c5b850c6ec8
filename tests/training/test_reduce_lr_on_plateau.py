"""Lowering the learning rate is a pure function of the losses."""

from __future__ import annotations

from pipeline.config.callbacks import PlateauConfig
from pipeline.training.reduce_lr_on_plateau import ReduceLROnPlateau


def rates(losses, **config):
    plateau, found = ReduceLROnPlateau(PlateauConfig(**config), 1.0), []
    for loss in losses:
        plateau = plateau.after(loss)
        found.append(plateau.rate)
    return found


def test_it_is_lowered_when_patience_ends():
    assert rates([3, 2, 2, 2, 2, 2], factor=0.5, patience=2) == [1, 1, 1, 0.5, 0.5, 0.25]


def test_an_improvement_counts_from_min_delta_on():
    assert rates([3.0, 2.95, 2.9], factor=0.1, patience=2, min_delta=0.2) == [1, 1, 0.1]
    assert rates([3.0, 2.7, 2.4], factor=0.1, patience=2, min_delta=0.2) == [1, 1, 1]


def test_epochs_of_a_cooldown_do_not_count():
    assert rates([1, 1, 1, 1, 1, 1], factor=0.5, patience=1, cooldown=2) == [1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_it_stops_at_the_lowest_and_never_rises_to_it():
    assert rates([1, 1, 1, 1], factor=0.5, patience=1, lowest=0.4) == [1, 0.5, 0.4, 0.4]
    assert rates([1, 1], factor=0.5, patience=1, lowest=2.0) == [1, 1]


def test_a_history_gives_the_same_as_its_epochs():
    losses = [3, 2, 2, 2, 1, 1, 1]
    config = PlateauConfig(patience=2)
    assert ReduceLROnPlateau(config, 1.0).after_all(losses).rate == rates(losses, patience=2)[-1]
    assert ReduceLROnPlateau(None, 1.0).after_all(losses).rate == 1.0
