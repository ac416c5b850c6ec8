"""Days that were counted by the Julian calendar before 15 October 1582, as ORC files have them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.arrays.zones import Integers

FIRST_GREGORIAN_DAY = -141_427
"""1582-10-15, in days since 1970-01-01."""

_EPOCH = 2_440_588
"""1970-01-01, in days of the Julian period."""


def gregorian_dates(dates: pa.Array) -> pa.Array:
    """Date32 [n]: the days that bear the same dates in the Gregorian calendar, in which Spark counts.

    A 29 February that is not in it becomes the first of March.
    """
    days = dates.cast(pa.int32()).fill_null(0).to_numpy()
    if (days >= FIRST_GREGORIAN_DAY).all():
        return dates
    shifted = np.where(days < FIRST_GREGORIAN_DAY, _same_date(days.astype(np.int64)), days).astype(np.int32)
    return pa.array(shifted, pa.int32(), mask=np.asarray(dates.is_null())).cast(pa.date32())


def _same_date(days: Integers) -> Integers:
    """Days since 1970-01-01 by the Gregorian calendar, of days by the Julian one."""
    # Years that begin in March, counted from 4801 BC, have all months but the last of known length.
    at = days + _EPOCH + 32_082
    year = (4 * at + 3) // 1461
    day_of_year = at - 1461 * year // 4
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5
    months = (year - 4800 - 1970) * 12 + month + 2
    first: Integers = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + day
