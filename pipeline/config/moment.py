"""Points and lengths of time in a configuration: dates and times by ISO 8601, or plain numbers.

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
_LENGTH = re.compile(r"^(\d+(?:\.\d+)?) ?(s|min|h|d|w)$")


def seconds_of(moment: datetime) -> float:
    """Seconds since 1970-01-01 UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def text_of(seconds: float) -> str:
    """The date, or the date and time, by ISO 8601."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.date().isoformat() if moment == datetime(*moment.timetuple()[:3]) else moment.isoformat()


def place_of(moment: float | str) -> float:
    """Where a checked `Moment` lies on the axis."""
    return seconds_of(datetime.fromisoformat(moment)) if isinstance(moment, str) else moment


def extent_of(length: float | str) -> float:
    """How long a checked `Length` is, in seconds or as a plain number."""
    if isinstance(length, float):
        return length
    number, unit = _parts(length)
    return number * _UNITS[unit]


def _moment(value: Any) -> float | str:
    """YAML makes dates of ISO texts, and an override may make a text of a number."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if not isinstance(value, str):
        return _number(value, "a date and time like 2024-06-30 or 2024-06-30T12:00:00, or a number")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"'{value}' is no date or time like 2024-06-30 or 2024-06-30T12:00:00, and no number"
        ) from None
    return value


def _length(value: Any) -> float | str:
    if not isinstance(value, str):
        number = _number(value, "a length of time like 7d, or a number")
        if number < 0:
            raise ValueError("must not be negative")
        return number
    _parts(value)
    return value


def _parts(length: str) -> tuple[float, str]:
    found = _LENGTH.match(length)
    if not found:
        raise ValueError(f"'{length}' is no length of time; write a number and one of {', '.join(_UNITS)}, like 7d")
    return float(found[1]), found[2]


def _number(value: Any, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{allowed} is needed")
    return float(value)


Moment = Annotated[float | str, BeforeValidator(_moment)]
"""An ISO 8601 text, or a number."""

Length = Annotated[float | str, BeforeValidator(_length)]
"""A text like `7d` (s, min, h, d, w), or a number."""
