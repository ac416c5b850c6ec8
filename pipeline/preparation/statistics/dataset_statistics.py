"""The results of the first pass over all rows: statistics, and the input for fitting features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.preparation.rows.partitions import Partitions
from pipeline.preparation.rows.split import QUARANTINED
from pipeline.preparation.statistics.column_statistics import (
    Measured,
    total,
    train_moments,
)
from pipeline.preparation.statistics.label_statistics import LabelStatistics


@dataclass(frozen=True)
class DatasetStatistics:
    """Counts and moments of all rows.

    Attributes:
        rows: number of rows in the source.
        bad: number of bad rows, which cannot be used.
        left_out: number of rows that the configuration leaves out of all splits.
        splits: number of rows of each split.
        columns: statistics of each number, by split.
        label: statistics of the label.
        weight: moments of the weights of training rows.
        slots: the most values that a training row has, for each multi-valued feature.
        without_values: number of training rows without a value, for each multi-valued feature.
        nulls: number of nulls in each raw and derived column, without bad rows; of texts only where requested.
    """

    rows: int
    bad: int
    left_out: int
    splits: Mapping[str, int]
    columns: Measured
    label: LabelStatistics
    weight: Moments
    slots: Mapping[str, int]
    without_values: Mapping[str, int]
    nulls: Mapping[str, int]

    def good(self, name: str) -> ColumnStatistics:
        """The statistics of a number in all rows but bad ones; empty for other columns."""
        return good_rows(self.columns.get(name, {}))

    @cached_property
    def moments(self) -> dict[str, Moments]:
        """The moments of each number in training rows."""
        return train_moments(self.columns)


@dataclass(frozen=True)
class CollectedStatistics:
    """The raw results of the first pass, from which features are fitted.

    Attributes:
        moments: statistics of each measured column, by group.
        counts: partial counts of the values of texts.
        sample: partial samples of numbers.
        partitions: the kept rows, if any.
    """

    moments: Measured
    counts: Sequence[pa.Table]
    sample: Sequence[pa.Table]
    partitions: Partitions | None = None


def good_rows(groups: Mapping[int, ColumnStatistics]) -> ColumnStatistics:
    """The statistics of all groups but the bad rows."""
    return total(statistics for index, statistics in groups.items() if index != QUARANTINED)
