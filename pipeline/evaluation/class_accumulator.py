"""What an evaluation keeps of the rows of a classification: counts, sums and extreme rows.

A binary label has one score, the probability of class id 1; several classes have one score each, the class against all
others. Scores are kept as logits, so that cells are fine close to 0 and close to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap_groups import sums_by_group
from pipeline.evaluation.extreme_rows import ExtremeRows, merge_extreme_rows
from pipeline.evaluation.report.classification import THRESHOLDS
from pipeline.evaluation.sketch import Sketch, merge_sketches
from pipeline.model.decision import class_ids
from pipeline.schemas.decision import DecisionRule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROWS, LOSS, BRIER = range(3)
"""Columns of `ClassAccumulator.sums`."""
ACTUAL, PREDICTED, RIGHT = range(3)
"""Rows of `ClassAccumulator.counts`."""
BIN_ROWS, BIN_SCORES, BIN_TRUE = range(3)
"""Columns of `ClassAccumulator.calibration`."""

CELLS = 1 << 16
"""The largest number of cells in the sketches of all classes together, but for `LEAST_CELLS` each."""
LEAST_CELLS = 1 << 10
CALIBRATION_BINS = 20
BOOTSTRAPPED = 20
"""Number of classes up to which areas under curves have intervals."""
STEPS = np.linspace(0.0, 1.0, THRESHOLDS)
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ClassAccumulator:
    """n rows of k classes with c scores: one for a binary label, else k.

    Attributes:
        confusion: number of rows by actual and by predicted class, [k, k].
        sums: sums by group, [g, 3]; columns as the constants above.
        counts: number of rows by group and class, [g, 3, k]; rows as the constants above.
        scores: c sketches of logits, each of rows of other classes and rows of the class.
        cells: the same by group in s cells, int32 [g, c, 2, s]; s is 0 if areas get no intervals.
        calibration: sums by bin of the probability of class id 1, or of the predicted class, [g, CALIBRATION_BINS, 3].
        thresholds: number of rows of class id 0 and 1 by how many of `STEPS` their score reaches, [THRESHOLDS + 1, 2].
        extreme_rows: rows by loss, with label, predicted class and probability of the actual class.
    """

    confusion: Ints
    sums: Floats
    counts: Floats
    scores: tuple[Sketch, ...]
    cells: NDArray[np.int32]
    calibration: Floats
    thresholds: Ints
    extreme_rows: ExtremeRows

    @property
    def rows(self) -> int:
        """n, the number of rows."""
        return int(self.confusion.sum())


def accumulate_classes(
    row_id: Ints, label: Floats, probabilities: Floats, group: Ints, *, groups: int, decision: DecisionRule
) -> ClassAccumulator:
    """Accumulate n rows.

    Args:
        row_id: hashes of the rows, [n].
        label: class ids, [n].
        probabilities: calibrated probabilities, [n, k], each row of which adds up to 1.
        group: the bootstrap group of each row, [n], below `groups`.
        groups: g, the number of bootstrap groups.
        decision: how classes are chosen.
    """
    ids, k = label.astype(np.int64), probabilities.shape[1]
    binary = k == 2
    predicted = class_ids(decision, probabilities[:, 1] if binary else probabilities)
    # Contiguous by class, since each class is sorted by itself.
    scores = np.ascontiguousarray((probabilities[:, 1:] if binary else probabilities).T)
    is_class = (ids == (np.array([[1]]) if binary else np.arange(k)[:, None])).astype(np.int64)
    logits = _logits(scores)
    confusion = np.bincount(ids * k + predicted, minlength=k * k).reshape(k, k)
    is_right, confidence = (
        (ids == 1, scores[0]) if binary else (ids == predicted, probabilities.max(axis=1, initial=0.0))
    )
    own_probability = probabilities[np.arange(len(ids)), ids]
    loss = -np.log(np.clip(own_probability, EPSILON, 1.0 - EPSILON))
    limit = max(CELLS // len(scores), LEAST_CELLS)
    return ClassAccumulator(
        confusion,
        sums_by_group(
            group, np.column_stack([np.ones(len(ids)), loss, _brier(probabilities, own_probability, binary)]), groups
        ),
        _class_counts(ids, predicted, group, groups, k),
        tuple(Sketch.of(logits[c], is_class[c], 2, limit=limit) for c in range(len(scores))),
        _cells(logits, is_class, group, groups),
        _calibration(confidence, is_right, group, groups),
        _thresholds(scores[0], ids) if binary else np.zeros((0, 2), np.int64),
        ExtremeRows.of(row_id, np.column_stack([loss, ids, predicted, own_probability])),
    )


def merge_class_accumulators(parts: Sequence[ClassAccumulator]) -> ClassAccumulator:
    """The accumulator of all rows together, of at least one part."""
    scores = zip(*(part.scores for part in parts), strict=True)
    return ClassAccumulator(
        np.sum([part.confusion for part in parts], axis=0),
        np.sum([part.sums for part in parts], axis=0),
        np.sum([part.counts for part in parts], axis=0),
        tuple(merge_sketches(sketches) for sketches in scores),
        np.sum([part.cells for part in parts], axis=0, dtype=np.int32),
        np.sum([part.calibration for part in parts], axis=0),
        np.sum([part.thresholds for part in parts], axis=0),
        merge_extreme_rows([part.extreme_rows for part in parts]),
    )


def _logits(scores: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logits: Floats = np.log(scores) - np.log1p(-scores)
    return logits


def _brier(probabilities: Floats, own_probability: Floats, binary: bool) -> Floats:
    """The Brier score of each row; for two classes, half the sum over both, as defined for one event."""
    if binary:
        return (1.0 - own_probability) ** 2
    scores: Floats = (probabilities**2).sum(axis=1) - 2.0 * own_probability + 1.0
    return scores


def _class_counts(ids: Ints, predicted: Ints, group: Ints, groups: int, k: int) -> Floats:
    lines = (group * k + ids, group * k + predicted, (group * k + ids)[ids == predicted])
    counted = [np.bincount(line, minlength=groups * k).reshape(groups, k) for line in lines]
    stacked: Floats = np.stack(counted, axis=1).astype(np.float64)
    return stacked


def score_cells(classes: int) -> int:
    """s, the number of cells for each of `classes` scores."""
    return 256 if classes == 1 else 64


def _cells(logits: Floats, is_class: Ints, group: Ints, groups: int) -> NDArray[np.int32]:
    classes = len(logits)
    if groups == 1 or classes > BOOTSTRAPPED:
        return np.zeros((groups, classes, 2, 0), np.int32)
    size = score_cells(classes)
    # The inverse hyperbolic sine resolves well around 0, and maps every logit of a double to at most 7.4 in size.
    cells = np.clip((np.arcsinh(logits) + 7.4) * (size / 14.8), 0, size - 1).astype(np.int64)
    index = ((group * classes + np.arange(classes)[:, None]) * 2 + is_class) * size + cells
    shape = (groups, classes, 2, size)
    return np.bincount(index.reshape(-1), minlength=int(np.prod(shape))).reshape(shape).astype(np.int32)


def _calibration(confidence: Floats, is_right: NDArray[np.bool_], group: Ints, groups: int) -> Floats:
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    index, size = group * CALIBRATION_BINS + bins, groups * CALIBRATION_BINS
    columns = [
        np.bincount(index, minlength=size),
        np.bincount(index, weights=confidence, minlength=size),
        np.bincount(index[is_right], minlength=size),
    ]
    return np.stack(columns, axis=-1).reshape(groups, CALIBRATION_BINS, 3).astype(np.float64)


def _thresholds(score: Floats, ids: Ints) -> Ints:
    reached = np.searchsorted(STEPS, score, side="right")
    return np.bincount(reached * 2 + ids, minlength=2 * (THRESHOLDS + 1)).reshape(-1, 2)
