"""Statistics of any number of columns in one pass, by group of rows.

    batch -> moments of each column in each group -> merged over batches and pieces, in order -> rounded

Groups are splits, or parts of folds: moments of several groups can be merged (`Moments.merged`), so that k folds cost
one pass. The last digits of a sum depend on how rows are divided into pieces; `rounded` removes them, so that preparing
the same data on any number of cores gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import missing_of
from pipeline.arrays.moments import ColumnStatistics, Moments, column_statistics
from pipeline.preparation.rows.fold_roles import Roles
from pipeline.preparation.rows.split import TRAIN
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Indices, Rows

Measured = Mapping[str, Mapping[int, ColumnStatistics]]
"""Statistics by column and group; groups without rows are missing."""

Measures = Callable[[Rows], Mapping[str, pa.Array]]
"""Maps a batch of n rows to the measured columns, float64 [n] by name; the same names for each batch."""

_FIELDS = ("group", "rows", "nulls", "not_finite", "count", "zeros", "mean", "squares", "low", "high")


def measure(table: Table, measures: Measures, group: str) -> Measured:
    """Collect statistics in a pass of their own.

    Args:
        table: the rows.
        measures: the columns to measure.
        group: the column of an assignment.
    """
    return merged_parts(table.gather({"moments": lambda: MomentAccumulator(measures, group)})["moments"])


class MomentAccumulator:
    """Accumulates the statistics of columns in a piece: a row of the result for each column and group."""

    def __init__(self, measures: Measures, group: str) -> None:
        """Measure the columns of `measures`, by `group`, the column of an assignment."""
        self._measures, self._group = measures, group
        self._statistics: dict[tuple[str, int], ColumnStatistics] = {}

    def add(self, rows: Rows) -> None:
        """Add a batch."""
        groups = _Groups(rows.placement.of(self._group))
        for name, values in self._measures(rows).items():
            for number, statistics in groups.statistics(values):
                key = (name, number)
                self._statistics[key] = (
                    self._statistics[key].merged(statistics) if key in self._statistics else statistics
                )

    def result(self) -> pa.Table:
        """The partial result."""
        return _table_of(self._statistics)


def merged_parts(parts: Iterable[pa.Table]) -> Measured:
    """Merge the statistics of all pieces, in order."""
    measured: dict[str, dict[int, ColumnStatistics]] = {}
    for part in parts:
        for name, *values in zip(*(part[name].to_pylist() for name in ("column", *_FIELDS)), strict=True):
            groups, (group, statistics) = measured.setdefault(name, {}), _statistics_of(*values)
            groups[group] = groups[group].merged(statistics) if group in groups else statistics
    return {name: dict(sorted(groups.items())) for name, groups in measured.items()}


def total(groups: Iterable[ColumnStatistics]) -> ColumnStatistics:
    """The statistics of several groups together."""
    result = ColumnStatistics()
    for group in groups:
        result = result.merged(group)
    return result


def regrouped(measured: Measured, roles: Roles) -> Measured:
    """The statistics by split of a fold; without groups that the fold does not use."""
    return {name: _regrouped(groups, roles) for name, groups in measured.items()}


def _regrouped(groups: Mapping[int, ColumnStatistics], roles: Roles) -> dict[int, ColumnStatistics]:
    parts: dict[int, list[ColumnStatistics]] = {}
    for group, statistics in groups.items():
        if group in roles:
            split, times = roles[group]
            parts.setdefault(split, []).extend([statistics] * times)
    return {split: total(parts[split]) for split in sorted(parts)}


class _Groups:
    """The rows of a batch, sorted by group."""

    def __init__(self, groups: Indices) -> None:
        self._order = np.argsort(groups, kind="stable")
        self._numbers, starts = np.unique(groups[self._order], return_index=True)
        self._spans = [*pairwise([*starts.tolist(), len(groups)])]

    def statistics(self, values: pa.Array) -> Iterator[tuple[int, ColumnStatistics]]:
        """The statistics of a column, float64 [n], in each group."""
        numbers = values.to_numpy(zero_copy_only=False)
        missing = None if not values.null_count else missing_of(values)
        if len(self._numbers) > 1:
            numbers, missing = numbers[self._order], None if missing is None else missing[self._order]
        for number, (start, end) in zip(self._numbers.tolist(), self._spans, strict=True):
            nulls = 0 if missing is None else int(np.count_nonzero(missing[start:end]))
            yield number, column_statistics(numbers[start:end], nulls)


def _table_of(statistics: Mapping[tuple[str, int], ColumnStatistics]) -> pa.Table:
    rows = [
        (name, group, one.rows, one.nulls, one.not_finite, m.count, m.zeros, m.mean, m.squares, m.low, m.high)
        for (name, group), one in statistics.items()
        for m in (one.moments,)
    ]
    kinds = [pa.string(), *[pa.int64()] * 6, *[pa.float64()] * 4]
    schema = pa.schema([*zip(("column", *_FIELDS), kinds, strict=True)])
    columns = [*zip(*rows, strict=True)] or [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], schema=schema)


def _statistics_of(group: int, rows: int, nulls: int, not_finite: int, *moments: Any) -> tuple[int, ColumnStatistics]:
    return group, ColumnStatistics(rows, nulls, not_finite, Moments(*moments))


def train_moments(measured: Measured) -> dict[str, Moments]:
    """Moments of training rows, rounded so that they do not depend on the order of summation."""
    return {
        name: groups[TRAIN].moments.rounded() if TRAIN in groups else Moments() for name, groups in measured.items()
    }
