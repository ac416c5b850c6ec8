"""Numbers about columns, for any number of columns in one pass, and by any group of rows.

    batch -> moments of each column in each group -> merged over batches and pieces, in their order -> rounded

Groups are splits, or folds: moments of several groups add up (`Moments.merged`), so that k folds cost one pass. A sum's
last digits depend on how the rows are cut into pieces; `rounded` takes them away, so that preparing the same data
twice, on any number of cores, gives the same bytes.
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
"""By column, then by group; a group without rows is absent."""

Measures = Callable[[Rows], Mapping[str, pa.Array]]
"""What is measured: from a batch of n rows to float64 [n] by name; the same names each time."""

_FIELDS = ("group", "rows", "nulls", "not_finite", "count", "zeros", "mean", "squares", "low", "high")


def measure(table: Table, measures: Measures, group: str) -> Measured:
    """Run a query of its own.

    Args:
        table: the rows.
        measures: of a batch.
        group: the column of an assignment.
    """
    return merged_parts(table.gather({"moments": lambda: MomentAccumulator(measures, group)})["moments"])


class MomentAccumulator:
    """The statistics of some columns in a piece: a row of the result for each column and group."""

    def __init__(self, measures: Measures, group: str) -> None:
        """Of what `measures` gives, by the column of an assignment."""
        self._measures, self._group = measures, group
        self._statistics: dict[tuple[str, int], ColumnStatistics] = {}

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
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
    """The statistics of all pieces, in their order."""
    measured: dict[str, dict[int, ColumnStatistics]] = {}
    for part in parts:
        for name, *values in zip(*(part[name].to_pylist() for name in ("column", *_FIELDS)), strict=True):
            groups, (group, statistics) = measured.setdefault(name, {}), _statistics_of(*values)
            groups[group] = groups[group].merged(statistics) if group in groups else statistics
    return {name: dict(sorted(groups.items())) for name, groups in measured.items()}


def total(groups: Iterable[ColumnStatistics]) -> ColumnStatistics:
    """Of several groups together."""
    result = ColumnStatistics()
    for group in groups:
        result = result.merged(group)
    return result


def regrouped(measured: Measured, roles: Roles) -> Measured:
    """By the splits of a fold; groups that are nothing to it are left out."""
    return {name: _regrouped(groups, roles) for name, groups in measured.items()}


def _regrouped(groups: Mapping[int, ColumnStatistics], roles: Roles) -> dict[int, ColumnStatistics]:
    parts: dict[int, list[ColumnStatistics]] = {}
    for group, statistics in groups.items():
        if group in roles:
            split, times = roles[group]
            parts.setdefault(split, []).extend([statistics] * times)
    return {split: total(parts[split]) for split in sorted(parts)}


class _Groups:
    """The rows of a batch, those of a group together."""

    def __init__(self, groups: Indices) -> None:
        self._order = np.argsort(groups, kind="stable")
        self._numbers, starts = np.unique(groups[self._order], return_index=True)
        self._spans = [*pairwise([*starts.tolist(), len(groups)])]

    def statistics(self, values: pa.Array) -> Iterator[tuple[int, ColumnStatistics]]:
        """Of a column, float64, in each group."""
        numbers = values.to_numpy(zero_copy_only=False)
        missing = None if not values.null_count else missing_of(values)
        if len(self._numbers) > 1:
            numbers, missing = numbers[self._order], None if missing is None else missing[self._order]
        for number, (start, end) in zip(self._numbers.tolist(), self._spans, strict=True):
            nulls = 0 if missing is None else int(np.count_nonzero(missing[start:end]))
            yield number, column_statistics(numbers[start:end], nulls)


def _table_of(statistics: Mapping[tuple[str, int], ColumnStatistics]) -> pa.Table:
    rows = [
        (name, group, one.rows, one.nulls, one.not_finite, *_moment_values(one.moments))
        for (name, group), one in statistics.items()
    ]
    kinds = [pa.string(), *[pa.int64()] * 6, *[pa.float64()] * 4]
    schema = pa.schema([*zip(("column", *_FIELDS), kinds, strict=True)])
    columns = [*zip(*rows, strict=True)] or [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], schema=schema)


def _moment_values(moments: Moments) -> tuple[object, ...]:
    return moments.count, moments.zeros, moments.mean, moments.squares, moments.low, moments.high


def _statistics_of(group: int, rows: int, nulls: int, not_finite: int, *moments: Any) -> tuple[int, ColumnStatistics]:
    return group, ColumnStatistics(rows, nulls, not_finite, Moments(*moments))


def train_moments(measured: Measured) -> dict[str, Moments]:
    """Of training rows, without digits that depend on the order of summation."""
    return {
        name: groups[TRAIN].moments.rounded() if TRAIN in groups else Moments() for name, groups in measured.items()
    }
