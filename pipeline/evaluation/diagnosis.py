"""What the loss curves of a training run show, in words: each finding with its figures and a remedy.

Losses are compared with a level, since their unit differs from label to label: the loss of the best constant
prediction if it is known, else the loss of the first epoch. All thresholds stand below; none of them is sharp, so a
finding names its figures and a reader can disagree.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.finding import Finding, FindingKind
from pipeline.evaluation.loss_curves import LossCurves
from pipeline.formatting import counted

Floats = NDArray[np.float64]

FEWEST_EPOCHS = 4
"""Epochs below which a curve has no shape."""
FEWEST_SWINGING = 6
"""Epochs below which swings cannot be told from a single turn."""
DIVERGED = 1.25
"""Last training loss, as a multiple of both the first epoch's and a constant prediction's, above which it diverged."""
LITTLE_LEARNED = 0.1
"""Share of a constant prediction's loss below which explaining it counts as little."""
BLOWN_UP = 2.0
"""Loss of the first epoch, as a multiple of a constant prediction's, that only too large steps explain."""
FLAT = 0.01
"""Relative fall of the training loss over the last third of the epochs up to which it counts as flat."""
IMPROVING = 0.01
"""Relative fall of the monitored loss over the last quarter of the epochs above which it still improves."""
WORSE = 0.03
"""Relative rise of the validation loss from its best epoch to the last above which it is not chance."""
SUSTAINED = 3
"""Last epochs that must each be that much worse: one or two noisy epochs are chance, three in a row are a trend, and
early stopping with the smallest useful patience still leaves as many after the best epoch."""
WIDE_GAP = 0.25
"""Gap from the training loss up to the validation loss at the best epoch, as a share of the validation loss."""
FAR = 0.05
"""The same gap, as a share of the level."""
EASIER = 0.05
"""Gap from the validation loss up to the training loss, as a share of it, in the median of the later half."""
SWING = 0.05
"""Median distance of an epoch's loss from the mean of its neighbours, as a share of the median loss."""
SPIKE = 0.5
"""Rise of one epoch's loss above the higher of its neighbours, as a share of that neighbour."""
NOTICEABLE = 0.02
"""Share of the level below which a difference does not matter, however large relative to a small loss."""


def diagnose(curves: LossCurves) -> tuple[Finding, ...]:
    """The findings, the most serious first, or the one that nothing is wrong.

    Curves that diverged are not examined further.
    """
    if diverged := _diverged(curves):
        return (diverged,)
    if curves.training.size < FEWEST_EPOCHS:
        return (_too_short(curves), *_without_validation(curves))
    checks = (_unstable, _underfitting, _overfitting_or_improving, _validation_easier)
    findings = tuple(finding for check in checks if (finding := check(curves)) is not None)
    return (*(findings or (_healthy(curves),)), *_without_validation(curves))


def _diverged(curves: LossCurves) -> Finding | None:
    remedy = "Lower train.optimizer.learning_rate, set optimizer.clip_global_norm, or look for extreme values."
    lost = sum(int((~np.isfinite(losses)).sum()) for losses in (curves.training, curves.validation))
    if lost:
        return Finding(FindingKind.DIVERGED, f"{lost:,} losses are not finite numbers.", remedy)
    if curves.training.size < 2:
        return None
    first, last = curves.training[0], curves.training[-1]
    if last <= DIVERGED * max(first, curves.level):
        return None
    return Finding(FindingKind.DIVERGED, f"The training loss rose from {first:.4g} to {last:.4g}.", remedy)


def _unstable(curves: LossCurves) -> Finding | None:
    """Swings from epoch to epoch, or single spikes, without the first fifth, in which the loss falls fast."""
    losses = curves.watched[curves.watched.size // 5 :]
    if losses.size < FEWEST_SWINGING:
        return None
    bends = losses[1:-1] - (losses[:-2] + losses[2:]) / 2
    swing, typical = float(np.median(np.abs(bends))), float(np.median(losses))
    # A curve that falls and rises once bends one way; one that swings bends back and forth.
    to_and_fro = float(np.mean(bends[1:] * bends[:-1] < 0.0)) >= 0.5
    higher = np.maximum(losses[:-2], losses[2:])
    heights = losses[1:-1] - higher
    spikes = (heights > SPIKE * higher) & (heights > NOTICEABLE * curves.level)
    remedy = "Lower the learning rate, use a larger batch, or a schedule that ends low (train.schedule: cosine)."
    if to_and_fro and swing > SWING * typical and swing > NOTICEABLE * curves.level:
        return Finding(
            FindingKind.UNSTABLE,
            f"The {_name(curves)} loss swings by {swing / typical:.0%} from one epoch to the next (median).",
            remedy,
        )
    if not spikes.any():
        return None
    count, top = int(spikes.sum()), float(losses[1:-1][spikes].max())
    shown_by = f"The {_name(curves)} loss has {count} spike{'s' * (count > 1)}, the highest {top:.4g}"
    return Finding(FindingKind.UNSTABLE, f"{shown_by} where {typical:.4g} is usual.", remedy)


def _underfitting(curves: LossCurves) -> Finding | None:
    """The network explains little, and learns no more."""
    if curves.unexplained is None or 1.0 - curves.unexplained >= LITTLE_LEARNED or _fall(curves.training, 3) > FLAT:
        return None
    explained = 1.0 - curves.unexplained
    against = "is no better than a constant prediction"
    if explained >= 0.001:
        against = f"explains only {explained:.1%} of what a constant prediction leaves open"
    remedy = "Raise the learning rate, or use a larger network or less regularisation"
    if curves.training[0] > BLOWN_UP * curves.level:
        against += f", after a first epoch at {curves.training[0]:.4g}"
        remedy = "Lower the learning rate: units that one large step made dead stay dead"
    return Finding(
        FindingKind.UNDERFITTING,
        f"The training loss is flat at {curves.training[-1]:.4g}, and the network {against}.",
        f"{remedy}. If that changes nothing, the features say little about the label.",
    )


def _overfitting_or_improving(curves: LossCurves) -> Finding | None:
    """One of the two at most: their remedies contradict each other."""
    return _overfitting(curves) or _still_improving(curves)


def _overfitting(curves: LossCurves) -> Finding | None:
    if not curves.validation.size:
        return None
    training, validation, index = curves.training, curves.validation, curves.best - 1
    best, last = float(validation[index]), float(validation[-1])
    remedy = "Add model.dropout or model.l2, use a smaller network, or more rows."
    later = validation[index + 1 :][-SUSTAINED:]
    rise = float(later.min()) - best if later.size == SUSTAINED else 0.0
    if rise > WORSE * best and rise > NOTICEABLE * curves.level / 2 and training[-1] < training[index]:
        return Finding(
            FindingKind.OVERFITTING,
            f"After epoch {curves.best}, the validation loss rose from {best:.4g} to {last:.4g}, while the training "
            f"loss fell from {training[index]:.4g} to {training[-1]:.4g}. The weights of epoch {curves.best} are kept.",
            remedy,
        )
    gap = best - float(training[index])
    if not curves.comparable or gap <= WIDE_GAP * best or gap <= FAR * curves.level:
        return None
    return Finding(
        FindingKind.OVERFITTING,
        f"At epoch {curves.best}, whose weights are kept, the validation loss of {best:.4g} is "
        f"{gap / training[index]:.0%} above the training loss.",
        remedy,
    )


def _still_improving(curves: LossCurves) -> Finding | None:
    """Training ended only because it reached its number of epochs."""
    losses = curves.watched
    fall = _fall(losses, 4)
    if losses.size < curves.planned or curves.best <= 0.9 * losses.size or fall <= IMPROVING:
        return None
    return Finding(
        FindingKind.STILL_IMPROVING,
        f"Epoch {curves.best} of {losses.size} was the best, and the {_name(curves)} loss fell by {fall:.1%} "
        "over the last quarter of the epochs.",
        f"Train longer (train.epochs={2 * curves.planned}), or with a higher learning rate.",
    )


def _validation_easier(curves: LossCurves) -> Finding | None:
    if not curves.validation.size or not curves.comparable:
        return None
    # The training loss of an epoch is measured on average in its middle, the validation loss at its end.
    training = (curves.training[:-1] + curves.training[1:]) / 2
    half = training.size // 2
    below = 1.0 - float(np.median(curves.validation[half:-1] / np.maximum(training[half:], np.finfo(float).tiny)))
    size = below * float(np.median(training[half:]))
    if below <= EASIER or size <= NOTICEABLE * curves.level / 2:
        return None
    shown_by = f"The validation loss lies {below:.0%} below the training loss in the later half."
    if curves.train_only_regularizers:
        reason = (
            f"That is what {' and '.join(curves.train_only_regularizers)} may do, which acts on training rows alone."
        )
        return Finding(
            FindingKind.VALIDATION_EASIER, f"{shown_by} {reason}", "If the figures stay low, try less of it."
        )
    return Finding(
        FindingKind.VALIDATION_EASIER,
        shown_by,
        "Look at the split: validation rows may differ in kind, be too few, or leak from training (see the audit).",
    )


def _too_short(curves: LossCurves) -> Finding:
    epochs = counted(curves.training.size, "epoch", verb="is")
    return Finding(
        FindingKind.TOO_SHORT,
        f"{epochs} too few to judge the learning curve.",
        f"Train for at least {FEWEST_EPOCHS} epochs.",
    )


def _without_validation(curves: LossCurves) -> tuple[Finding, ...]:
    if curves.validation.size:
        return ()
    return (
        Finding(
            FindingKind.NO_VALIDATION,
            "There are no validation rows, so overfitting cannot be seen.",
            "Set split.fractions.validation above 0.",
        ),
    )


def _healthy(curves: LossCurves) -> Finding:
    losses = curves.watched
    best = float(losses[curves.best - 1])
    against = f", {_beside(best / curves.constant)} that of a constant prediction" if curves.constant else ""
    return Finding(
        FindingKind.HEALTHY, f"The {_name(curves)} loss was best at epoch {curves.best}: {best:.4g}{against}."
    )


def _beside(ratio: float) -> str:
    """Where a loss lies, as a ratio to another one: `75% below`, `6% above` or `equal to`."""
    percent = f"{abs(1.0 - ratio):.0%}"
    if percent == "100%" and ratio < 1.0:
        percent = "over 99%"
    return "equal to" if percent == "0%" else f"{percent} {'below' if ratio < 1.0 else 'above'}"


def _fall(losses: Floats, part: int) -> float:
    """Relative fall of the loss over the last `1/part` of the epochs."""
    before = float(losses[-1 - max(1, losses.size // part)])
    return 1.0 - float(losses[-1]) / before if before > 0.0 and math.isfinite(before) else 0.0


def _name(curves: LossCurves) -> str:
    return "validation" if curves.validation.size else "training"
