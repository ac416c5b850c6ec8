"""A fold, and what the first queries told of it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preparation.rows.fold_roles import Fold
from pipeline.preparation.survey.dataset_statistics import DatasetStatistics
from pipeline.preparation.survey.value_counts import Counts


@dataclass(frozen=True)
class FoldFacts:
    """A fold, and what the first queries told of it."""

    fold: Fold
    counts: Counts
    statistics: DatasetStatistics
