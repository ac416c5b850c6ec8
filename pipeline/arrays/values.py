"""Columns of numbers as numpy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Values = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]

Stored = npt.NDArray[Any]
"""A column of a store, float32 or int32 [n]."""


def numbers_of(values: pa.Array) -> Values:
    """float64 [n]: as numpy has them, NaN for null."""
    numbers: Values = values.to_numpy(zero_copy_only=False)
    return numbers


def finite_numbers(values: pa.Array) -> Values:
    """float64 [n]: NaN for null and for what is not finite."""
    numbers = numbers_of(values)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(numbers), numbers, np.nan)
