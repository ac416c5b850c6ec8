"""The calendar of ISO 8601 before 10000, by which Spark counts all years."""

from __future__ import annotations

from functools import cache

import numpy as np

from pipeline.arrays.zones import Integers

DAY = 86_400
"""Seconds."""

MICROS = 1_000_000
"""Microseconds of a second."""


@cache
def first_days() -> Integers:
    """Days since 1970-01-01 of the first of each month: of year y and month m (1 to 12) at 12 * y + m - 1."""
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
