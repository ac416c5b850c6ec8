"""A fold with the statistics of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preparation.rows.fold_roles import Fold
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.value_counts import Counts


@dataclass(frozen=True)
class FoldFacts:
    """A fold with the statistics of its rows.

    Attributes:
        fold: the fold.
        counts: counts of texts and classes in its rows.
        statistics: counts and moments of its rows.
    """

    fold: Fold
    counts: Counts
    statistics: DatasetStatistics
