"""Dates in the exported model: texts to days since 1970-01-01, and days to the parts of a date.

The calendar is the proleptic Gregorian one; the arithmetic is Howard Hinnant's, chrono-Compatible Low-Level Date
Algorithms (2013), which counts years from March, so that a leap day is the last of its year.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

Tensor = Any
"""tf.Tensor; TensorFlow ships no types."""

TIME = r"[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
OFFSET = r"[+-][0-9]{2}:[0-9]{2}"
DATE_OR_TIME = rf"[0-9]{{8}}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:{TIME}(?:Z|{OFFSET})?)?"
"""The layouts of `arrays/layouts.py`."""

HOURS_OF_OFFSETS = 18
PART_SPANS = {"year": (0, 4), "month": (5, 2), "day": (8, 2), "hour": (11, 2), "minute": (14, 2), "second": (17, 2)}
"""Position and length of each part of `2024-03-01 12:30:00.000`."""

MILLISECONDS = (20, 3)
MILLISECONDS_OF_A_DAY = 86_400_000.0
CLOCK_TOLERANCE = 1e-7
"""How far, in hours, rounding may put the fraction of a day below the hour that it came from."""

EPOCH = 719_468
"""Days from 0000-03-01 to 1970-01-01."""

DAYS_OF_AN_ERA, YEARS_OF_AN_ERA = 146_097, 400


def days_of_text(text: Tensor) -> Tensor:
    """Days since 1970-01-01 in UTC, float64, with the time as a fraction, to the millisecond; NaN if no date."""
    is_date = tf.strings.regex_full_match(text, DATE_OR_TIME)
    valid_text = tf.where(is_date, text, "1970-01-01")
    full = _with_time(tf.strings.regex_replace(valid_text, f"(Z|{OFFSET})$", ""))
    ahead, is_offset = _minutes_ahead(valid_text)
    year, month, day, hour, minute, second = (_digits(full, part) for part in PART_SPANS.values())
    days = _days_of_civil(year, month, day)
    again = _civil(days)
    conditions = (
        *(is_date, is_offset, year >= 1, *map(tf.equal, again, (year, month, day))),
        *(hour < 24, minute < 60, second < 60),
    )
    minutes = (days * 24 + hour) * 60 + minute - ahead
    milliseconds = (minutes * 60 + second) * 1000 + _digits(full, MILLISECONDS)
    valid = tf.reduce_all(tf.stack(conditions), axis=0)
    return tf.where(valid, tf.cast(milliseconds, tf.float64) / MILLISECONDS_OF_A_DAY, float("nan"))


def _with_time(text: Tensor) -> Tensor:
    """The date with all parts of a time, and at least three digits of the fraction of a second."""
    dashed = tf.strings.regex_replace(text, "^([0-9]{4})([0-9]{2})([0-9]{2})$", r"\1-\2-\3")
    length = tf.strings.length(dashed)
    rest = tf.where(length == 16, ":00.000", tf.where(length == 19, ".000", "000"))
    return tf.strings.join([dashed, tf.where(length == 10, " 00:00:00.000", rest)])


def _minutes_ahead(text: Tensor) -> tuple[Tensor, Tensor]:
    """Minutes ahead of UTC, int64, 0 for a text without an offset; and whether the offset is a valid one."""
    has_offset = tf.strings.regex_full_match(text, f".*:.*{OFFSET}")
    offset = tf.where(has_offset, tf.strings.substr(text, -6, 6), "+00:00")
    hours, minutes = _digits(offset, (1, 2)), _digits(offset, (4, 2))
    ahead = hours * 60 + minutes
    exists = tf.logical_and(hours < HOURS_OF_OFFSETS, minutes < 60)
    return tf.where(tf.strings.substr(offset, 0, 1) == "-", -ahead, ahead), exists


def _digits(text: Tensor, part: tuple[int, int]) -> Tensor:
    return tf.strings.to_number(tf.strings.substr(text, *part), tf.int64)


def _days_of_civil(year: Tensor, month: Tensor, day: Tensor) -> Tensor:
    """Days since 1970-01-01; for a month or a day that does not exist, those of some other date."""
    year = year - tf.cast(month <= 2, tf.int64)
    era = year // YEARS_OF_AN_ERA
    year_of_era = year - era * YEARS_OF_AN_ERA
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * DAYS_OF_AN_ERA + day_of_era - EPOCH


def _civil(days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Year, month and day, int64 each."""
    shifted = days + EPOCH
    era = shifted // DAYS_OF_AN_ERA
    day_of_era = shifted - era * DAYS_OF_AN_ERA
    leap_days = day_of_era // 1460 - day_of_era // 36_524 + day_of_era // 146_096
    year_of_era = (day_of_era - leap_days) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = (month_from_march + 2) % 12 + 1
    return era * YEARS_OF_AN_ERA + year_of_era + tf.cast(month <= 2, tf.int64), month, day


def _part(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A part of a whole day, int64, as float64; NaN beyond 2^31 days."""

    def of_days(days: Tensor) -> Tensor:
        whole = tf.floor(days)
        valid = tf.logical_and(whole >= -(2.0**31), whole < 2.0**31)
        part = function(tf.cast(tf.where(valid, whole, 0.0), tf.int64))
        return tf.where(valid, tf.cast(part, tf.float64), float("nan"))

    return of_days


def _day_of_year(days: Tensor) -> Tensor:
    first = tf.ones_like(days)
    return days - _days_of_civil(_civil(days)[0], first, first) + 1


def _hour(days: Tensor) -> Tensor:
    return tf.math.floormod(tf.floor(tf.math.floormod(days, 1.0) * 24.0 + CLOCK_TOLERANCE), 24.0)


DATE_PARTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "year": _part(lambda days: _civil(days)[0]),
    "quarter": _part(lambda days: (_civil(days)[1] + 2) // 3),
    "month": _part(lambda days: _civil(days)[1]),
    "day": _part(lambda days: _civil(days)[2]),
    # 1970-01-01 was a Thursday.
    "weekday": _part(lambda days: (days + 3) % 7),
    "day_of_year": _part(_day_of_year),
    "hour": _hour,
}
"""Functions of float64 days, which give NaN for NaN."""
