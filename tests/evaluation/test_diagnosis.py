"""What curves show is named, with the figures that show it: on curves made for it, and on those of trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluation.diagnosis import diagnose
from pipeline.evaluation.finding import FindingKind
from pipeline.evaluation.loss_curves import loss_curves

# Trainings on the census (adult.csv), whose constant prediction has a loss of 0.552: training losses, validation
# losses, the best epoch, epochs asked for, and what a person sees in their plot.
REAL = (
    (  # conf/adult.yaml as it is
        ".393 .315 .306 .3 .298 .296 .293 .292 .291 .289 .288 .287 .286 .285 .28 .283 .281 .28 .278 .278 .278 "
        ".276 .279 .276 .274 .274 .274 .271 .27",
        ".32 .311 .305 .304 .304 .301 .298 .304 .302 .302 .303 .301 .307 .301 .296 .3 .3 .298 .296 .298 .297 "
        ".297 .301 .301 .299 .301 .299 .297 .303",
        19,
        30,
        FindingKind.HEALTHY,
    ),
    (  # with model.dropout 0.7
        ".485 .359 .336 .324 .317 .311 .311 .308 .307 .307 .306 .304 .304 .301 .301",
        ".355 .325 .313 .309 .307 .305 .305 .303 .303 .305 .302 .302 .301 .301 .302",
        13,
        15,
        FindingKind.HEALTHY,
    ),
    (  # two layers of 256, no dropout, no early stopping
        ".386 .304 .302 .289 .287 .283 .28 .278 .275 .272 .271 .268 .267 .263 .258 .26 .255 .255 .248 .247 "
        ".244 .239 .237 .236 .237",
        ".326 .322 .305 .304 .303 .3 .295 .303 .303 .311 .305 .306 .322 .309 .308 .312 .313 .319 .313 .311 "
        ".312 .325 .329 .331 .325",
        7,
        25,
        FindingKind.OVERFITTING,
    ),
    (  # a learning rate of 3e-5
        ".771 .65 .592 .553 .52 .494 .47 .454",
        ".676 .6 .554 .519 .49 .466 .446 .43",
        8,
        8,
        FindingKind.STILL_IMPROVING,
    ),
    (  # a learning rate of 1e-7
        ".869 .863 .869 .866 .867 .866",
        ".854 .854 .853 .853 .853 .852",
        6,
        6,
        FindingKind.UNDERFITTING,
    ),
    (  # a learning rate of 0.3
        "5.41 .552 .551 .551 .552 .551 .551 .552 .551 .552 .552 .552 .552 .551 .552 .552 .553 .552 .552 .552",
        ".553 .549 .549 .549 .549 .55 .55 .549 .549 .549 .55 .549 .549 .549 .55 .549 .549 .551 .552 .549",
        12,
        20,
        FindingKind.UNDERFITTING,
    ),
)


def kinds(training: list[float], validation: list[float] | None = None, **more) -> list[FindingKind]:
    history = {"loss": training} | ({"val_loss": validation} if validation is not None else {})
    watched = validation or training
    known = {"best": int(np.argmin(watched)) + 1 if watched else 0, "planned": len(training)} | more
    return [finding.kind for finding in diagnose(loss_curves(history, **known))]


def falling(start: float, end: float, epochs: int, speed: float = 0.5) -> list[float]:
    return list(end + (start - end) * np.exp(-speed * np.arange(epochs)))


@pytest.mark.parametrize(("training", "validation", "best", "planned", "kind"), REAL)
def test_real_trainings(training, validation, best, planned, kind):
    losses = [[float(loss) for loss in text.split()] for text in (training, validation)]
    assert kinds(*losses, best=best, planned=planned, constant=0.552) == [kind]


def test_settled_training_is_healthy():
    curve = falling(1.0, 0.3, 30)
    (finding,) = diagnose(loss_curves({"loss": curve, "val_loss": curve}, best=30, planned=30, constant=1.2))
    assert finding.kind is FindingKind.HEALTHY
    assert finding.sentence == (
        "No problems found. The validation loss was best at epoch 30: 0.3, 75% below that of a constant prediction."
    )


def test_a_loss_above_that_of_a_constant_is_said_to_be_above():
    curves = {"loss": falling(1.0, 0.23, 30), "val_loss": falling(1.0, 0.3, 30)}
    (finding,) = diagnose(loss_curves(curves, best=30, planned=30, constant=0.283))
    assert finding.sentence.endswith("at epoch 30: 0.3, 6% above that of a constant prediction.")


def test_overfitting_names_epochs_losses_and_remedy():
    training, validation = [1.0, 0.6, 0.4, 0.3, 0.2, 0.1], [0.9, 0.7, 0.65, 0.7, 0.8, 0.9]
    found = diagnose(loss_curves({"loss": training, "val_loss": validation}, best=3, planned=6))
    assert [finding.kind for finding in found] == [FindingKind.OVERFITTING]
    assert found[0].shown_by == (
        "After epoch 3, the validation loss rose from 0.65 to 0.9, while the training loss fell from 0.4 to 0.1. "
        "The weights of epoch 3 are kept."
    )
    assert "model.dropout" in found[0].remedy


def test_wide_gap_at_the_kept_epoch_is_overfitting_too():
    training, validation = falling(1.0, 0.1, 20), falling(1.0, 0.5, 20)
    assert kinds(training, validation) == [FindingKind.OVERFITTING]
    # Class weights count in training alone, so the two losses tell nothing of each other.
    assert kinds(training, validation, comparable=False) == [FindingKind.HEALTHY]


def test_noisy_last_epochs_are_no_overfitting():
    training, validation = list(np.linspace(0.5, 0.2, 60)), list(np.linspace(0.5, 0.2159, 60))
    for noisy in (1, 2):
        worse = [*validation[: 60 - noisy], *[0.2292] * noisy]
        assert kinds(training, worse) == [FindingKind.STILL_IMPROVING]
        falls_again = [*validation[:50], *[0.4] * 3, *validation[53:]]
        assert kinds(training, falls_again) == [FindingKind.STILL_IMPROVING]
    assert kinds(training, [*validation[:57], *[0.2592] * 3]) == [FindingKind.OVERFITTING]


def test_overfitting_and_improving_are_not_found_together():
    """A wide gap asks for regularization; training longer would widen it."""
    training, validation = list(np.linspace(1.0, 0.1, 20)), list(np.linspace(1.0, 0.5, 20))
    assert kinds(training, validation) == [FindingKind.OVERFITTING]


def test_both_losses_rising_is_not_overfitting():
    assert FindingKind.OVERFITTING not in kinds([0.5, 0.4, 0.45, 0.5, 0.5, 0.55], [0.5, 0.4, 0.45, 0.5, 0.5, 0.55])


def test_swings_and_spikes_are_unstable():
    swings = [1.0, 0.8, *(0.5 + 0.2 * (-1) ** epoch for epoch in range(18))]
    assert kinds(swings, swings) == [FindingKind.UNSTABLE]
    spiky = [*falling(1.0, 0.3, 20)]
    spiky[12] = 0.9
    (finding,) = diagnose(loss_curves({"loss": spiky, "val_loss": spiky}, best=20, planned=20))
    assert finding.shown_by == "The validation loss has 1 spike, the highest 0.9 where 0.3038 is usual."


def test_steep_turn_is_no_swing():
    losses = [*falling(1.0, 0.2, 6, 1.0), 0.5, 0.9, 1.4, 2.0]
    assert FindingKind.UNSTABLE not in kinds([1.0 - 0.05 * epoch for epoch in range(10)], losses)


def test_swings_of_a_loss_near_nothing_do_not_matter():
    losses = [1.0, 0.1, *(0.001 + 0.0008 * (-1) ** epoch for epoch in range(18))]
    assert kinds(losses, losses) == [FindingKind.HEALTHY]


def test_training_cut_short_still_improves():
    losses = list(np.linspace(1.0, 0.5, 10))
    assert kinds(losses, losses) == [FindingKind.STILL_IMPROVING]
    # Early stopping ended this one, not the number of epochs.
    assert kinds(losses, losses, planned=50) == [FindingKind.HEALTHY]


def test_underfitting_is_seen_by_the_loss_or_by_the_errors():
    flat = [1.0, 0.98, 0.975, 0.975, 0.975, 0.975]
    assert kinds(flat, flat, constant=1.0) == [FindingKind.UNDERFITTING]
    assert kinds(flat, flat) == [FindingKind.HEALTHY]
    history = {"loss": flat, "val_loss": flat, "rmse": [99.0] * 6}
    found = diagnose(loss_curves(history, best=4, planned=6, deviation=100.0))
    assert "explains only 2.0% of what a constant prediction leaves open" in found[0].shown_by


def test_network_put_out_of_action_by_large_steps_needs_smaller_ones():
    (finding,) = diagnose(
        loss_curves({"loss": [9.0, *[1.0] * 9], "val_loss": [1.0] * 10}, best=1, planned=10, constant=1.0)
    )
    assert finding.kind is FindingKind.UNDERFITTING
    assert finding.remedy.startswith("Lower the learning rate")


def test_easier_validation_is_explained_by_dropout_or_asks_for_a_look_at_the_split():
    training, validation = falling(1.0, 0.5, 20), falling(1.0, 0.4, 20)
    history = {"loss": training, "val_loss": validation}
    (explained,) = diagnose(loss_curves(history, best=20, planned=20, train_only_regularizers=["model.dropout 0.5"]))
    assert explained.kind is FindingKind.VALIDATION_EASIER
    assert "That is what model.dropout 0.5 may do" in explained.shown_by
    (strange,) = diagnose(loss_curves(history, best=20, planned=20))
    assert strange.remedy.startswith("Look at the split")


def test_fast_fall_makes_no_validation_easier():
    """The training loss of an epoch is its mean, so it lags behind."""
    losses = list(0.9 ** np.arange(12))
    assert FindingKind.VALIDATION_EASIER not in kinds(losses, [0.96 * loss for loss in losses])


@pytest.mark.parametrize("training", [[1.0, math.nan, 0.5, 0.4], [1.0, math.inf], [0.5, 0.6, 2.0, 9.0], [None, 1.0]])
def test_diverged_training_is_nothing_else(training):
    assert kinds(training, [1.0] * len(training), best=1) == [FindingKind.DIVERGED]


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_few_epochs_make_no_curve(epochs):
    losses = [1.0] * epochs
    assert kinds(losses, losses) == (
        [FindingKind.TOO_SHORT] if epochs else [FindingKind.TOO_SHORT, FindingKind.NO_VALIDATION]
    )


def test_missing_validation_is_said_beside_the_rest():
    assert kinds(falling(1.0, 0.3, 20)) == [FindingKind.HEALTHY, FindingKind.NO_VALIDATION]
