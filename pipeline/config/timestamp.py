"""Timestamps and durations in a configuration: dates and times by ISO 8601, or plain numbers.

Both lie on one axis of floats: a date or time as seconds since 1970-01-01 UTC (one without a zone is taken as UTC), a
number as itself.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?) ?(s|min|h|d|w)$")


def seconds_of(timestamp: datetime) -> float:
    """Seconds since 1970-01-01 UTC."""
    return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()


def text_of(seconds: float) -> str:
    """The date, or the date and time, by ISO 8601."""
    timestamp = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return timestamp.date().isoformat() if timestamp == datetime(*timestamp.timetuple()[:3]) else timestamp.isoformat()


def axis_position(timestamp: float | str) -> float:
    """The position of a checked `Timestamp` on the axis."""
    return seconds_of(datetime.fromisoformat(timestamp)) if isinstance(timestamp, str) else timestamp


def axis_length(duration: float | str) -> float:
    """The length of a checked `Duration`, in seconds or as a plain number."""
    if isinstance(duration, float):
        return duration
    number, unit = _parts(duration)
    return number * _UNITS[unit]


def _timestamp(value: Any) -> float | str:
    """YAML makes dates of ISO texts, and an override may make a text of a number."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if not isinstance(value, str):
        return _number(value, "a date and time like 2024-06-30 or 2024-06-30T12:00:00, or a number")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"'{value}' is neither a date or time like 2024-06-30 or 2024-06-30T12:00:00, nor a number"
        ) from None
    return value


def _duration(value: Any) -> float | str:
    if not isinstance(value, str):
        number = _number(value, "a duration like 7d, or a number")
        if number < 0:
            raise ValueError("must not be negative")
        return number
    _parts(value)
    return value


def _parts(duration: str) -> tuple[float, str]:
    match = _DURATION.match(duration)
    if not match:
        raise ValueError(f"'{duration}' is not a duration. Allowed: a number and one of {', '.join(_UNITS)}, like 7d")
    return float(match[1]), match[2]


def _number(value: Any, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{allowed} is needed")
    return float(value)


Timestamp = Annotated[float | str, BeforeValidator(_timestamp)]
"""An ISO 8601 text, or a number."""

Duration = Annotated[float | str, BeforeValidator(_duration)]
"""A text like `7d` (s, min, h, d, w), or a number."""
