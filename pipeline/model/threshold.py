"""Chooses the threshold of class id 1 that is best for a goal, on some rows.

All thresholds between two neighbouring probabilities divide the rows alike. The middle is chosen, so that the last bits
of a probability never decide about a row that the threshold was chosen on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.config.evaluate import ThresholdConfig
from pipeline.model.decision import Floats

NEVER = float(np.nextafter(1.0, 2.0))
"""A threshold that no probability reaches."""


@dataclass(frozen=True)
class Cuts:
    """All ways in which a threshold divides n rows, from the highest threshold on.

    Attributes:
        threshold: the thresholds, float64 [m], descending.
        true_positives: number of rows of class id 1 that are predicted as such, [m].
        false_positives: number of rows of class id 0 that are predicted as class id 1, [m].
        positive: number of rows of class id 1.
        rows: n, the number of rows.
    """

    threshold: Floats
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    positive: int
    rows: int


def choose_threshold(config: ThresholdConfig, label: ArrayLike, probabilities: ArrayLike) -> tuple[float, str]:
    """The best threshold, and its result in words; the highest of equally good ones.

    Args:
        config: the goal.
        label: class ids, [n], both of which occur.
        probabilities: calibrated probabilities of class id 1, [n], which the threshold will be applied to.
    """
    cuts = _cuts(np.asarray(label).astype(np.int64), np.asarray(probabilities, np.float64))
    recall = cuts.true_positives / cuts.positive
    predicted = np.maximum(cuts.true_positives + cuts.false_positives, 1)
    if config.goal == "f1":
        f1 = 2 * cuts.true_positives / (cuts.true_positives + cuts.false_positives + cuts.positive)
        best = int(f1.argmax())
        return float(cuts.threshold[best]), f"highest F1: {f1[best]:.4g}"
    if config.goal == "recall":
        reached = recall >= (config.at_least or 0.0)
        precision = np.where(reached, cuts.true_positives / predicted, -1.0)
        best = int(precision.argmax())
        summary = (
            f"recall of at least {config.at_least:g}: {recall[best]:.4g}, with a precision of {precision[best]:.4g}"
        )
        return float(cuts.threshold[best]), summary
    false_negatives = cuts.positive - cuts.true_positives
    cost = (config.false_positive or 0.0) * cuts.false_positives + (config.false_negative or 0.0) * false_negatives
    best = int(cost.argmin())
    summary = (
        f"lowest cost, a false positive at {config.false_positive:g} and a false negative at "
        f"{config.false_negative:g}: {cost[best] / cuts.rows:.4g} a row"
    )
    return float(cuts.threshold[best]), summary


def _cuts(ids: NDArray[np.int64], probabilities: Floats) -> Cuts:
    order = np.argsort(-probabilities, kind="stable")
    scores, hits = probabilities[order], ids[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each probability that occurs
    true_positives = np.concatenate([[0], np.cumsum(hits)[last]])
    predicted = np.concatenate([[0], last + 1])
    higher, lower = scores[last[:-1]], scores[last[1:]]
    between = np.maximum((higher + lower) / 2, np.nextafter(lower, 1.0))
    threshold = np.concatenate([[NEVER], between, [0.0]])
    return Cuts(threshold, true_positives, predicted - true_positives, positive=int(ids.sum()), rows=len(ids))
