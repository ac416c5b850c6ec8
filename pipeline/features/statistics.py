"""Numbers about columns, for any number of columns in one query, and by any group of rows.

Every column of a row becomes a row of its own, (column, group, value), and these are aggregated together. The query
is as long for 500 columns as for one, and what Spark compiles for it too: an aggregate for each column apart outgrows
Java's limit for one method at some ten columns, and is then interpreted.

Measured on 2,000,000 rows of 10 columns: 1.9 s so, 2.1 s with an aggregate for each column, 1.0 s of which read and
hash the rows.

Groups are splits, or folds: moments of several groups add up (`Moments.merged`), so that k folds cost one pass.
Spark adds up partial sums in the order in which tasks end, so the last digits of a mean differ from run to run;
`rounded` takes them away, so that preparing the same data twice gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Row

from pipeline.data.convert import finite
from pipeline.data.division import Roles

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


def measure(rows: DataFrame, columns: Mapping[str, Column], group: str) -> Measured:
    """Run the query.

    Args:
        rows: typed rows.
        columns: what is measured, doubles by name.
        group: an integer column; rows where it is null count as group -1.
    """
    if not columns:
        return {}
    values = F.array(*(column.cast("double") for column in columns.values()))
    # The array is a column before it is exploded: what Spark explodes it otherwise evaluates without compiling, which
    # doubles the time for 500 columns.
    together = rows.select(F.coalesce(F.col(group), F.lit(-1)).alias("group"), values.alias("values"))
    long = together.select("group", F.posexplode("values").alias("column", "value"))
    found = long.groupBy("column", "group").agg(*_aggregates(F.col("value"))).collect()
    names = list(columns)
    measured: dict[str, dict[int, ColumnStatistics]] = {name: {} for name in names}
    for row in sorted(found, key=lambda row: (row["column"], row["group"])):
        measured[names[row["column"]]][row["group"]] = _statistics_of(row)
    return measured


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


def _aggregates(value: Column) -> list[Column]:
    number = finite(value)
    return [
        F.count(F.lit(1)).alias("rows"),
        F.count(value).alias("present"),
        F.count(number).alias("count"),
        F.count_if(number == 0.0).alias("zeros"),
        F.avg(number).alias("mean"),
        F.var_pop(number).alias("variance"),
        F.min(number).alias("low"),
        F.max(number).alias("high"),
    ]


def _statistics_of(row: Row) -> ColumnStatistics:
    count = row["count"]
    moments = Moments()
    if count:
        moments = Moments(count, row["zeros"], row["mean"], row["variance"] * count, low=row["low"], high=row["high"])
    return ColumnStatistics(row["rows"], row["rows"] - row["present"], row["present"] - count, moments)
