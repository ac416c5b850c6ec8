"""A fold, and what the first queries told of it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preparation.rows.fold_roles import Fold
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.value_counts import Counts


@dataclass(frozen=True)
class FoldFacts:
    """A fold, and what the first queries told of it."""

    fold: Fold
    counts: Counts
    statistics: DatasetStatistics
