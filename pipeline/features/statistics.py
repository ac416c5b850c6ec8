"""Numbers about columns, for any number of columns in one pass, and by any group of rows.

    batch -> moments of each column in each group -> merged over batches and pieces, in their order -> rounded

Groups are splits, or folds: moments of several groups add up (`Moments.merged`), so that k folds cost one pass. A sum's
last digits depend on how the rows are cut into pieces; `rounded` takes them away, so that preparing the same data
twice, on any number of cores, gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.masks import missing_of
from pipeline.data.division import Roles
from pipeline.data.rows import Indices, Rows
from pipeline.data.table import Table

DIGITS = 10
FAR = 1e5
"""A mean that is so many deviations from 0 is rounded by the deviation, not by its own size."""


@dataclass(frozen=True)
class Moments:
    """Of finite values; all but `count` and `zeros` are None where there is none.

    Attributes:
        count: how many there are.
        zeros: how many of them are 0.
        mean: their mean.
        squares: the sum of their squared distances from the mean.
        low: the smallest.
        high: the largest.
    """

    count: int = 0
    zeros: int = 0
    mean: float | None = None
    squares: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def std(self) -> float | None:
        """Their deviation (population)."""
        return None if self.squares is None else math.sqrt(self.squares / self.count)

    def merged(self, other: Moments) -> Moments:
        """Of the values of both (Chan, Golub and LeVeque, Updating formulae, 1979)."""
        if not (self.count and other.count):
            return self if self.count else other
        assert self.mean is not None and self.squares is not None and self.low is not None and self.high is not None
        assert other.mean is not None and other.squares is not None and other.low is not None and other.high is not None
        count, apart = self.count + other.count, other.mean - self.mean
        return Moments(
            count=count,
            zeros=self.zeros + other.zeros,
            mean=self.mean + apart * other.count / count,
            squares=self.squares + other.squares + apart * apart * self.count * other.count / count,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )

    def rounded(self) -> Moments:
        """Without the digits that depend on the order of summation."""
        if self.mean is None or self.std is None:
            return self
        std = rounded(self.std)
        return Moments(
            self.count, self.zeros, rounded(self.mean, std), std * std * self.count, low=self.low, high=self.high
        )


@dataclass(frozen=True)
class ColumnStatistics:
    """One column in one group of rows.

    Attributes:
        rows: in the group.
        nulls: how many of them have no value.
        not_finite: how many have NaN or an infinity.
        moments: of the others.
    """

    rows: int = 0
    nulls: int = 0
    not_finite: int = 0
    moments: Moments = Moments()

    def merged(self, other: ColumnStatistics) -> ColumnStatistics:
        """Of both groups."""
        return ColumnStatistics(
            self.rows + other.rows,
            self.nulls + other.nulls,
            self.not_finite + other.not_finite,
            self.moments.merged(other.moments),
        )


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
        group: the column of a division.
    """
    return merged_parts(table.gather({"moments": lambda: MomentAccumulator(measures, group)})["moments"])


class MomentAccumulator:
    """The statistics of some columns in a piece: a row of the result for each column and group."""

    def __init__(self, measures: Measures, group: str) -> None:
        """Of what `measures` gives, by the column of a division."""
        self._measures, self._group = measures, group
        self._found: dict[tuple[str, int], ColumnStatistics] = {}

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        groups = _Groups(rows.places.of(self._group))
        for name, values in self._measures(rows).items():
            for number, statistics in groups.statistics(values):
                key = (name, number)
                self._found[key] = self._found[key].merged(statistics) if key in self._found else statistics

    def result(self) -> pa.Table:
        """The partial result."""
        return _table_of(self._found)


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


def rounded(value: float, spread: float = 0.0) -> float:
    """`value` to 10 significant digits, or as many digits as matter beside `spread`: fewer where it is larger than the
    value, and more where it is far smaller, as of times in nanoseconds.

    >>> rounded(1.23456789012345e-9, spread=1.0)
    1e-09
    """
    size = max(abs(value), abs(spread))
    if spread:
        size = min(size, abs(spread) * FAR)
    if size == 0.0 or not math.isfinite(size):
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(size)))


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
        absent = None if not values.null_count else missing_of(values)
        if len(self._numbers) > 1:
            numbers, absent = numbers[self._order], None if absent is None else absent[self._order]
        for number, (start, end) in zip(self._numbers.tolist(), self._spans, strict=True):
            nulls = 0 if absent is None else int(np.count_nonzero(absent[start:end]))
            yield number, _column_statistics(numbers[start:end], nulls)


def _column_statistics(values: npt.NDArray[np.float64], nulls: int) -> ColumnStatistics:
    """Of values in which null is NaN."""
    rows = len(values)
    # The least and the largest are finite where all are: no pass of its own in the usual case.
    with np.errstate(all="ignore"):
        known = values if math.isfinite(values.min() + values.max()) else values[np.isfinite(values)]
    return ColumnStatistics(rows, nulls, rows - nulls - len(known), _moments(known))


def _moments(values: npt.NDArray[np.float64]) -> Moments:
    count = len(values)
    if not count:
        return Moments()
    with np.errstate(all="ignore"):
        mean = float(values.mean())
        apart = values - mean
        # Not a dot product, for which BLAS would start threads beside Spark's tasks.
        squares = float(np.square(apart, out=apart).sum())
    zeros = count - int(np.count_nonzero(values))
    return Moments(count, zeros, mean, squares, low=float(values.min()), high=float(values.max()))


def _table_of(found: Mapping[tuple[str, int], ColumnStatistics]) -> pa.Table:
    rows = [
        (name, group, one.rows, one.nulls, one.not_finite, *_moment_values(one.moments))
        for (name, group), one in found.items()
    ]
    kinds = [pa.string(), *[pa.int64()] * 6, *[pa.float64()] * 4]
    schema = pa.schema([*zip(("column", *_FIELDS), kinds, strict=True)])
    columns = [*zip(*rows, strict=True)] or [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], schema=schema)


def _moment_values(moments: Moments) -> tuple[object, ...]:
    return moments.count, moments.zeros, moments.mean, moments.squares, moments.low, moments.high


def _statistics_of(group: int, rows: int, nulls: int, not_finite: int, *moments: Any) -> tuple[int, ColumnStatistics]:
    return group, ColumnStatistics(rows, nulls, not_finite, Moments(*moments))
