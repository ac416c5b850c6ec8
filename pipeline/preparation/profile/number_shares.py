"""Shares of the rows of a number, by codes.

The code of a row is 0 for a missing value and 1 + the index of its bin for others; values outside the range of training
rows have the same codes, increased by the number of codes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.values import finite_numbers
from pipeline.kinds.bucket.arrays import bucket_id
from pipeline.preparation.profile.shares import Shares
from pipeline.preparation.rows.typed_rows import Indices
from pipeline.schemas.profile import Bins, DataProfile, NumberProfile, Summary


def number_code(number: NumberProfile, values: pa.Array) -> Indices:
    """The code of each row, int32 [n]."""
    assert number.bins is not None
    code = bucket_id(values, number.bins.edges)
    if number.train.low is None or number.train.high is None:
        return code
    numbers = finite_numbers(values)
    with np.errstate(invalid="ignore"):
        outside = (numbers < number.train.low) | (numbers > number.train.high)
    return np.where(outside, code + np.int32(_codes(number.bins)), code)


def share_outside(values: npt.NDArray[np.float64], train: Summary, other: Summary) -> float:
    """The share of rows outside the range of training rows, with a tolerance for values read back from float32."""
    if train.low is None or train.high is None or not len(values):
        return 0.0
    slack = 1e-6 * max(abs(train.low), abs(train.high))
    share = np.mean((values < train.low - slack) | (values > train.high + slack))
    return float(share) * (1.0 - other.missing)


def _codes(bins: Bins) -> int:
    return len(bins.counts) + 1


def number_before(profile: DataProfile, number: NumberProfile) -> Shares:
    """The shares of training rows."""
    assert number.bins is not None
    return Shares(profile.sample_rows, number.bins.counts, number.train.missing, 0.0)


def number_after(number: NumberProfile, counted: Mapping[int, int]) -> Shares:
    """The shares of other rows, from the counts of the codes."""
    assert number.bins is not None
    size, rows = _codes(number.bins), sum(counted.values())
    bins = [counted.get(code, 0) + counted.get(code + size, 0) for code in range(1, size)]
    outside = sum(count for code, count in counted.items() if code > size)
    return Shares(rows, bins, counted.get(0, 0) / max(rows, 1), outside / max(rows, 1))
