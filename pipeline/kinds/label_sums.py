"""Sums of the label by category, in parts of the training rows.

A training row must not see its own label through its category's mean, or the network learns to trust a column that
says nothing about new rows. Training rows are therefore put into folds by a hash of their key, and each gets the means
over the other folds (Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD 2001;
cross-fitted as scikit-learn's TargetEncoder does it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.arrays.hashing import salted
from pipeline.arrays.values import Ids

FOLDS = 5


@dataclass(frozen=True)
class LabelSums:
    """Sum of the label and number of rows, of each fold."""

    sums: tuple[float, ...]
    counts: tuple[int, ...]

    def mean(self, prior: float, smoothing: float, without: int | None = None) -> float:
        """Drawn towards `prior` as if by `smoothing` more rows; `prior` itself where there is no row."""
        kept = [fold for fold in range(FOLDS) if fold != without]
        total, count = sum(self.sums[fold] for fold in kept), sum(self.counts[fold] for fold in kept)
        return prior if count + smoothing == 0.0 else (total + smoothing * prior) / (count + smoothing)


Sums = Mapping[str, LabelSums]
"""By category; null is `NULL_TOKEN`."""


def fold_of_row(seed: int, row_id: npt.NDArray[np.int64]) -> Ids:
    """[n]: the fold of a row; rows of one key share it."""
    return np.mod(salted("target_mean", seed, row_id), FOLDS).astype(np.int32)
