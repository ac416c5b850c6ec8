"""Statistics of a column that add up: those of parts give those of the whole.

A sum's last digits depend on how the rows are cut into parts; `rounded` takes them away, so that preparing the same
data twice, on any number of cores, gives the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipeline.arrays.values import Values

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


def column_statistics(values: Values, nulls: int) -> ColumnStatistics:
    """Of float64 [n], in which null is NaN; n is not 0."""
    rows = len(values)
    # The least and the largest are finite where all are: no pass of its own in the usual case.
    with np.errstate(all="ignore"):
        finite = values if math.isfinite(values.min() + values.max()) else values[np.isfinite(values)]
    return ColumnStatistics(rows, nulls, rows - nulls - len(finite), _moments(finite))


def _moments(values: Values) -> Moments:
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
