"""Shares of a column's rows by bin, and the distance of two such distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.schemas.drift import FLOOR, ColumnDrift

SURE = 0.999


@dataclass(frozen=True)
class Shares:
    """The distribution of a column over bins.

    Attributes:
        rows: the number of rows that were counted.
        bins: counts of the rows with a value, by bin.
        missing: the share of rows without a value.
        new: the share of new categories or of values outside the known range, see `ColumnDrift`.
    """

    rows: int
    bins: Sequence[int]
    missing: float
    new: float | None = None

    @property
    def all(self) -> list[float]:
        """The share of each bin, and of missing values."""
        present = sum(self.bins)
        return [(1.0 - self.missing) * count / present if present else 0.0 for count in self.bins] + [self.missing]


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """The population stability index of shares; see `schemas/drift.py`.

    >>> round(stability_index([0.5, 0.5], [0.6, 0.4]), 6)
    0.040547
    """
    e, a = np.maximum(expected, FLOOR), np.maximum(actual, FLOOR)
    return float(np.sum((a - e) * np.log(a / e)))


def compare(name: str, before: Shares, after: Shares, *, text: bool = False) -> ColumnDrift:
    """The drift of one column whose bins are the same before and after."""
    expected, actual = before.all, after.all
    used = sum(e > 0.0 or a > 0.0 for e, a in zip(expected, actual, strict=True))
    spread = 1.0 / max(before.rows, 1) + 1.0 / max(after.rows, 1)
    return ColumnDrift(
        name=name,
        kind="text" if text else "number",
        psi=stability_index(expected, actual),
        chance=spread * float(stats.chi2.ppf(SURE, used - 1)) if used > 1 else 0.0,
        missing=after.missing,
        missing_before=before.missing,
        new=after.new if after.new is None or before.new is None else max(after.new - before.new, 0.0),
    )
