"""One text as a time, by the letter of what Spark does with it: the exact and slow way.

Spark reads more than ISO 8601 (one digit of a month, any name of a zone) and less (`20240630`, `12:00Z` without
seconds); what it does not read is completed first. Patterns are those of
`preparation/rows/timestamps.py`, as Python spells them.
"""

from __future__ import annotations

import re

from pipeline.arrays.calendar import DAY, MICROS, first_days
from pipeline.arrays.zones import Zone, ahead_at_local, zone_of

# Java's `$` also matches before the end of a line at the end of a text, and `.` matches no end of a line.
_END = r"(?=(?:\r\n|(?<!\r)\n|[\r\x85\u2028\u2029])?\Z)"
_DOT = r"[^\n\r\x85\u2028\u2029]"

_ZONED = re.compile(rf"\d[^ T]+[ T]{_DOT}*([Zz]|[+-]\d{{2}}:?\d{{2}}){_END}", re.ASCII)
_DATED = re.compile(rf"\d{{4}}(-\d{{1,2}}-|\d{{4}}(T|{_END}))", re.ASCII)
_BASIC = re.compile(
    rf"(\d{{4}})(\d{{2}})(\d{{2}})(?:T(\d{{2}})(\d{{2}})(\d{{2}})?([Zz]|[+-]\d{{2}}:?\d{{2}})?)?{_END}", re.ASCII
)
_LEFTOVER = re.compile(rf"(T:)?:(?={_END}|[Zz+-])")
_MINUTES_AND_ZONE = re.compile(r"([T ]\d{2}:\d{2})([Zz+-])", re.ASCII)

# A fraction may be of any length, and a zone begins with whatever is no digit.
_PARTS = re.compile(
    r"([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?(\D.*)?)?)?)?",
    re.ASCII | re.DOTALL,
)
_BLANK = "".join(map(chr, [*range(0x21), 0x7F]))
_JAVA_BLANK = "".join(map(chr, range(0x21)))
_DAYS_OF_CYCLE, _YEARS_OF_CYCLE = 146_097, 400
_MOST_MICROS = 1 << 63


def timestamp_in(text: str) -> tuple[int, bool] | None:
    """Microseconds since 1970-01-01 and whether the text has a zone; then they are UTC's, else of local time.

    None where a text holds no date or time. Of a time without a date, Spark would make one of today; here it is none.

    Args:
        text: without spaces around it.
    """
    if len(text) > len("2024-06-30") and _ZONED.match(text):
        micros = _instant(text)
        return None if micros is None else (micros, True)
    if not _DATED.match(text):
        return None
    micros = local_in(text)
    micros = local_in(_extended(text)) if micros is None else micros
    return None if micros is None else (micros, False)


def local_in(text: str) -> int | None:
    """Microseconds of local time since 1970-01-01, as Spark casts a text to a time without a zone."""
    parsed = _read(text)
    return None if parsed is None else _in_64_bits(parsed[0])


def _instant(text: str) -> int | None:
    parsed = _read(text) or _read(_extended(text))
    if parsed is None or parsed[1] is None:
        return None
    micros, zone = parsed[0], parsed[1]
    return _in_64_bits(micros - ahead_at_local(zone, micros // MICROS) * MICROS)


def _read(text: str) -> tuple[int, Zone | None] | None:
    """Microseconds of local time, and the zone behind it."""
    match = _PARTS.fullmatch(text.strip(_BLANK))
    if match is None:
        return None
    day = _day(*(int(part) for part in match.group(1, 2, 3)))
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    zone = None if match[8] is None else zone_of(match[8].strip(_JAVA_BLANK))
    if day is None or hour > 23 or minute > 59 or second > 59 or (zone is None and match[8] is not None):
        return None
    fraction = int((match[7] or "")[:6].ljust(6, "0"))
    return (day * DAY + 3600 * hour + 60 * minute + second) * MICROS + fraction, zone


def _day(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01; None where there is no such date."""
    cycles = year // _YEARS_OF_CYCLE
    months = 12 * (year - cycles * _YEARS_OF_CYCLE) + month - 1
    if not 1 <= month <= 12 or not 1 <= day <= first_days()[months + 1] - first_days()[months]:
        return None
    return cycles * _DAYS_OF_CYCLE + int(first_days()[months]) + day - 1


def _in_64_bits(micros: int) -> int | None:
    return micros if -_MOST_MICROS <= micros < _MOST_MICROS else None


def _extended(text: str) -> str:
    """With what ISO 8601 lets a text leave out and Spark does not: signs, and seconds before a zone."""
    if _BASIC.match(text):
        text = _LEFTOVER.sub("", _BASIC.sub(r"\1-\2-\3T\4:\5:\6\7", text, count=1))
    return _MINUTES_AND_ZONE.sub(r"\1:00\2", text)
