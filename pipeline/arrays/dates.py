"""Dates: texts to days since 1970-01-01, and days to the parts of a date, in the proleptic Gregorian calendar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.operands import Bits, Floats, Numbers, booleans_of, bytes_of, mask_of, null_unless, strict

Integers = npt.NDArray[Any]
"""Of any size; int64 where none is said."""

Dates = npt.NDArray[np.datetime64]
"""By the day."""

PATTERN = "0000-00-00 00:00:00.000000000"
LENGTHS = (10, 19, *range(21, 30))
"""Bytes of a date, of a date and a time, and of these with a fraction of one to nine digits."""

MILLISECONDS_OF_A_DAY = 86_400_000.0
CLOCK_TOLERANCE = 1e-7
"""Hours that the fraction of a day may fall short of the hour that it was made of."""

END_OF_DAYS = 2.0**31

NEAR = (-25_567, 47_482)
"""Days from 1900 to 2099, of which parts are looked up."""


def days_of_text(text: pa.Array) -> Numbers:
    """Days with the time as a fraction, to the millisecond; null where a text is not spelled as a date or is none."""
    sizes = pc.fill_null(pc.binary_length(text), 0).to_numpy(zero_copy_only=False)
    days, known = np.zeros(len(text)), np.zeros(len(text), np.bool_)
    found = np.flatnonzero(np.bincount(np.minimum(sizes, LENGTHS[-1] + 1))).tolist()
    for size in sorted({*LENGTHS} & {*found}):
        chosen = sizes == size
        signs = bytes_of(text.filter(booleans_of(chosen))).reshape(-1, size)
        days[chosen], known[chosen] = _read(np.ascontiguousarray(signs.T))
    return Numbers(days, known)


def _read(signs: Integers) -> tuple[Floats, Bits]:
    """Days, and whether there is such a date; `signs` are the bytes of texts of one length, [length, rows]."""
    pattern = np.frombuffer(PATTERN[: len(signs)].encode(), np.uint8)
    is_digit = pattern == ord("0")
    digits = signs - np.uint8(ord("0"))
    spelled = (digits[is_digit] < 10).all(axis=0) & (signs[~is_digit] == pattern[~is_digit, None]).all(axis=0)
    year, month, day = _whole(digits[0:4]), _whole(digits[5:7]), _whole(digits[8:10])
    hour, minute, second = _whole(digits[11:13]), _whole(digits[14:16]), _whole(digits[17:19])
    milliseconds = _whole(digits[20:23]) * 10 ** (3 - len(digits[20:23]))
    first, length = _month(year, month)
    exists = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
    on_clock = (hour < 24) & (minute < 60) & (second < 60)
    seconds = (first + day - 1) * 86_400 + (hour * 60 + minute) * 60 + second
    return (seconds * 1000 + milliseconds) / MILLISECONDS_OF_A_DAY, spelled & exists & on_clock


def _whole(digits: Integers) -> Integers:
    """int32: the number that digits make, from the first on; 0 of none."""
    return reduce(lambda number, digit: number * 10 + digit, digits, np.zeros(digits.shape[1], np.int32))


def _month(year: Integers, month: Integers) -> tuple[Integers, Integers]:
    """Days from 1970-01-01 to the first of a month, and how many it has; any where there is no such month."""
    first = _first_days().take(year * 12 + month - 1, mode="clip")
    return first, _first_days().take(year * 12 + month, mode="clip") - first


@cache
def _first_days() -> Integers:
    """Of the months from 0000-01 to 10000-01, days since 1970-01-01."""
    return np.arange("0000-01", "10000-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)


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
        far = ((whole < NEAR[0]) | (whole >= NEAR[1])) & counted & mask_of(days)
        if far.any():
            parts[far] = part(whole[far].astype(np.int64).astype("datetime64[D]"))
        return null_unless(counted, Numbers(parts, days.known))

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
