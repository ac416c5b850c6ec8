"""Dates: texts to days since 1970-01-01, and days to the parts of a date, in the proleptic Gregorian calendar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.layouts import read_layouts
from pipeline.arrays.masks import mask_of
from pipeline.arrays.operands import Floats, Numbers, null_unless, strict
from pipeline.arrays.operands import mask_of as valid_mask_of

Integers = npt.NDArray[Any]
"""Of any size; int64 where none is said."""

Dates = npt.NDArray[np.datetime64]
"""By the day."""

MICROSECONDS_OF_A_MILLISECOND = 1000
MILLISECONDS_OF_A_DAY = 86_400_000.0
CLOCK_TOLERANCE = 1e-7
"""Hours that the fraction of a day may fall short of the hour that it was made of."""

END_OF_DAYS = 2.0**31

NEAR = (-25_567, 47_482)
"""Days from 1900 to 2099, of which parts are looked up."""


def days_of_text(text: pa.Array) -> Numbers:
    """Days of string [n], the time as a fraction, to the millisecond, of UTC where the text has a zone.

    Null where a text is in none of the layouts of `layouts.py`, or is no date of the calendar from year 1 on.
    """
    layouts = read_layouts(text)
    milliseconds = layouts.micros // MICROSECONDS_OF_A_MILLISECOND
    return Numbers(milliseconds / MILLISECONDS_OF_A_DAY, layouts.read & ~mask_of(pc.starts_with(text, "0000")))


def _part(part: Callable[[Dates], npt.NDArray[Any]]) -> Callable[[Numbers], Numbers]:
    """A part of a date, of days; null beyond 2^31 days."""

    @cache
    def near() -> Floats:
        return part(np.arange(*NEAR).astype("datetime64[D]")).astype(np.float64)

    def of_days(days: Numbers) -> Numbers:
        whole = np.asarray(np.floor(days.floats))
        counted = (whole >= -END_OF_DAYS) & (whole < END_OF_DAYS)
        # A day outside of the table, or one that is not known, finds any other's part.
        parts = np.asarray(near().take((whole - NEAR[0]).astype(np.intp), mode="clip"))
        far = ((whole < NEAR[0]) | (whole >= NEAR[1])) & counted & valid_mask_of(days)
        if far.any():
            parts[far] = part(whole[far].astype(np.int64).astype("datetime64[D]"))
        return null_unless(counted, Numbers(parts, days.valid))

    return of_days


def _month_of(date: Dates) -> Integers:
    """From 1."""
    return date.astype("datetime64[M]").astype(np.int64) % 12 + 1


def _day_of(unit: str) -> Callable[[Dates], Integers]:
    """Counted from 1 in each month (`M`) or year (`Y`)."""
    return lambda date: (date - date.astype(f"datetime64[{unit}]")).astype(np.int64) + 1


def _weekday(date: Dates) -> Floats:
    """0 on Monday, or -0 where that was before 1970-01-01, as in Spark; that day was a Thursday."""
    rest = np.fmod(date.astype(np.int64) + 3.0, 7.0)
    return np.asarray(np.where(rest < 0.0, rest + 7.0, rest))


def _hour(days: Floats) -> Floats:
    """The fraction of a day just below 0 may round up to a whole day."""
    hours = np.floor((days - np.floor(days)) * 24.0 + CLOCK_TOLERANCE)
    return np.asarray(np.where(hours < 24.0, hours, hours - 24.0))


CALENDAR: Mapping[str, Callable[[Numbers], Numbers]] = {
    "year": _part(lambda date: date.astype("datetime64[Y]").astype(np.int64) + 1970),
    "quarter": _part(lambda date: (_month_of(date) + 2) // 3),
    "month": _part(_month_of),
    "day": _part(_day_of("M")),
    "weekday": _part(_weekday),
    "day_of_year": _part(_day_of("Y")),
    "hour": strict(_hour),
}
"""Each of days."""
