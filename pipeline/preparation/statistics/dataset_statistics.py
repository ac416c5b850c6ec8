"""What the first of two passes over all rows gives: statistics, and what fitting features needs beside them."""

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
    """Counts and moments.

    Attributes:
        rows: in the source.
        bad: rows that cannot be used.
        left_out: rows that are in no split by the configuration's own will.
        splits: rows of each split.
        columns: of each number, by split.
        label: of the label.
        weight: moments of the weights of training rows.
        slots: how many values a training row has at most, for each multi-valued feature.
        nulls: rows without a value in each raw and derived column, bad rows aside; of texts only where asked for.
    """

    rows: int
    bad: int
    left_out: int
    splits: Mapping[str, int]
    columns: Measured
    label: LabelStatistics
    weight: Moments
    slots: Mapping[str, int]
    nulls: Mapping[str, int]

    def good(self, name: str) -> ColumnStatistics:
        """Of a number in all rows that are not bad; of nothing where it is none."""
        return good_rows(self.columns.get(name, {}))

    @cached_property
    def moments(self) -> dict[str, Moments]:
        """Of each number in training rows."""
        return train_moments(self.columns)


@dataclass(frozen=True)
class CollectedStatistics:
    """What a look at all rows gives beside the statistics, for whoever fits features.

    Attributes:
        moments: by group.
        counts: of the values of texts, partial.
        sample: of numbers, partial.
        partitions: the rows, where they were kept.
    """

    moments: Measured
    counts: Sequence[pa.Table]
    sample: Sequence[pa.Table]
    partitions: Partitions | None = None


def good_rows(groups: Mapping[int, ColumnStatistics]) -> ColumnStatistics:
    """Of all groups but the bad rows."""
    return total(statistics for index, statistics in groups.items() if index != QUARANTINED)
