"""Scores how well each column alone predicts the label: one that does so nearly perfectly often contains it.

Predictions are cross-fitted: rows are divided into five parts, each of which is predicted from the other four. A column
of ids, which fits its own rows perfectly, therefore predicts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.schemas.target import TARGETS

PARTS, BINS, MAX_CLASSES = 5, 32, 50

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]
Ids = npt.NDArray[np.int32]


def single_feature_scores(
    numbers: Mapping[str, Floats], texts: Mapping[str, Objects | Ids], label: npt.NDArray[np.generic], task: str
) -> dict[str, float]:
    """The score of each column: R² for a regression, else the area under the ROC curve, the mean over classes.

    A number predicts by a line through the means of its 32 quantile bins, and by a straight line or, for classes, by
    its order; the better one counts. A text predicts by the mean of its rows.

    Args:
        numbers: float64 columns, NaN for null.
        texts: columns of str, None for null, or of their ids, from 0.
        label: as many values as each column: float64 for a regression, else classes of any sortable type.
        task: the task of the label.

    Returns:
        Scores by column; 0 for R² and 0.5 for the area without predictive power. Empty below 2 * PARTS rows.
    """
    if len(label) < 2 * PARTS:
        return {}
    has_classes = TARGETS.get(task).has_classes
    targets = _targets(label, has_classes=has_classes)
    scores: dict[str, float] = {}
    for name, number in numbers.items():
        if has_classes:
            scores[name] = max(_auc(_by_bins(number, targets), targets), _auc_of_order(number, targets))
        else:
            scores[name] = max(_r2(_by_bins(number, targets), targets), _r2(_by_line(number, targets), targets))
    score = _auc if has_classes else _r2
    return scores | {name: score(_by_cell(_codes(text), targets), targets) for name, text in texts.items()}


def _targets(label: npt.NDArray[np.generic], *, has_classes: bool) -> Floats:
    """[rows, targets]: the label itself, or 1 and 0 for each class: the later of two, the most frequent of many."""
    if not has_classes:
        return label.astype(np.float64)[:, None]
    classes, counts = np.unique(label, return_counts=True)
    chosen = classes[-1:] if len(classes) == 2 else classes[np.argsort(-counts, kind="stable")[:MAX_CLASSES]]
    return np.asarray(label[:, None] == chosen[None, :], dtype=np.float64)


def _parts(rows: int) -> Integers:
    return np.arange(rows, dtype=np.int64) % PARTS


def _outside(values: Floats, cells: Integers, count: int) -> Floats:
    """[cells, parts]: sums over the rows of a cell outside of a part."""
    cell_and_part = cells * PARTS + _parts(len(cells))
    sums = np.bincount(cell_and_part, values, count * PARTS).reshape(count, PARTS)
    return np.asarray(sums.sum(axis=1, keepdims=True) - sums, dtype=np.float64)


def _means(values: Floats, cells: Integers, count: int) -> tuple[Floats, Floats]:
    """[cells, parts]: means over a cell's rows outside of a part, or over all cells where it has none; and sizes."""
    sums, sizes = _outside(values, cells, count), _outside(np.ones(len(cells)), cells, count)
    overall = sums.sum(axis=0) / sizes.sum(axis=0)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1.0), overall), sizes


def _by_cell(cells: Integers, targets: Floats) -> Floats:
    """[rows, targets]: the mean of the row's cell outside of the row's part."""
    parts, count = _parts(len(cells)), int(cells.max()) + 1
    return np.stack([_means(target, cells, count)[0][cells, parts] for target in targets.T], axis=1)


def _by_bins(number: Floats, targets: Floats) -> Floats:
    """[rows, targets]: interpolated linearly between the means of the bins, which follows curves closely."""
    is_finite = np.isfinite(number)
    edges = np.unique(np.quantile(number[is_finite], np.arange(1, BINS) / BINS)) if is_finite.any() else np.empty(0)
    cells = np.where(is_finite, np.searchsorted(edges, number, side="left"), len(edges) + 1)
    by_cell, parts, bins = _by_cell(cells, targets), _parts(len(cells)), len(edges) + 1
    filled = np.where(is_finite, number, 0.0)
    centres, sizes = _means(filled, cells, bins + 1)
    guess = by_cell.copy()
    for index, target in enumerate(targets.T):
        means, _ = _means(target, cells, bins + 1)
        for part in range(PARTS):
            has_rows, rows = sizes[:bins, part] > 0, is_finite & (parts == part)
            if has_rows.any():
                guess[rows, index] = np.interp(
                    number[rows], centres[:bins, part][has_rows], means[:bins, part][has_rows]
                )
    return guess


def _by_line(number: Floats, targets: Floats) -> Floats:
    """[rows, 1]: least squares; null counts as the mean."""
    x, y, parts = _filled(number), targets[:, 0], _parts(len(number))
    guess = np.empty_like(targets)
    for part in range(PARTS):
        rows = parts == part
        mean_x, mean_y, spread = x[~rows].mean(), y[~rows].mean(), x[~rows].var()
        slope = ((x[~rows] - mean_x) * (y[~rows] - mean_y)).mean() / spread if spread else 0.0
        guess[rows, 0] = mean_y + slope * (x[rows] - mean_x)
    return guess


def _filled(number: Floats) -> Floats:
    is_finite = np.isfinite(number)
    return np.where(is_finite, number, number[is_finite].mean() if is_finite.any() else 0.0)


def _codes(text: Objects | Ids) -> Integers:
    """An integer code for each text, null included."""
    if text.dtype != np.object_:
        return text.astype(np.int64)
    codes: dict[str | None, int] = {}
    return np.fromiter((codes.setdefault(value, len(codes)) for value in text), np.int64, len(text))


def _r2(guess: Floats, targets: Floats) -> float:
    spread = float(((targets - targets.mean(axis=0)) ** 2).sum())
    return max(0.0, 1.0 - float(((targets - guess) ** 2).sum()) / spread) if spread else 0.0


def _auc(guess: Floats, targets: Floats) -> float:
    areas = [_area(g, y) for g, y in zip(guess.T, targets.T, strict=True) if 0.0 < y.mean() < 1.0]
    return max(0.5, float(np.mean(areas))) if areas else 0.5


def _auc_of_order(number: Floats, targets: Floats) -> float:
    """The area of the number or of its negative, for which nothing has to be fitted."""
    x = _filled(number)[:, None]
    areas = [max(_auc(x, target[:, None]), _auc(-x, target[:, None])) for target in targets.T]
    return float(np.mean(areas))


def _area(guess: Floats, target: Floats) -> float:
    """The area under the ROC curve, from the ranks of the positive rows; ties share their mean rank."""
    _, rank_of_row, counts = np.unique(guess, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[rank_of_row]
    positive = target.sum()
    return float(((ranks * target).sum() - positive * (positive + 1) / 2) / (positive * (len(target) - positive)))
