"""Zones of time by the names that Java knows, and what they are ahead of UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Zone = int | ZoneInfo
"""Seconds that the zone always is ahead of UTC, or a region, with its changes."""

Integers = npt.NDArray[np.int64]

SHORT_IDS = {
    **{"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires"},
    **{"ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka"},
    **{"CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai"},
    **{"EAT": "Africa/Addis_Ababa", "ECT": "Europe/Paris", "EST": "-05:00", "HST": "-10:00"},
    **{"IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "MIT": "Pacific/Apia"},
    **{"MST": "-07:00", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi"},
    **{"PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles"},
    **{"SST": "Pacific/Guadalcanal", "VST": "Asia/Ho_Chi_Minh"},
}
"""As `java.time.ZoneId.SHORT_IDS` has them."""

_UNKNOWN_TO_JAVA = frozenset({"Factory", "ROC", "localtime"})
_LONGEST_OFFSET = 18 * 3600
_OFFSET = re.compile(r"([+-])([0-9]{1,2})(?:(?<=[0-9]{2})(:?)([0-9]{2})(?:\3([0-9]{2}))?)?")
_ONE_DIGIT_HOUR = re.compile(r"([+-])([0-9]):")
_ONE_DIGIT_MINUTE = re.compile(r"([+-])([0-9]{2}):([0-9])\Z")

_EPOCH = datetime(1970, 1, 1)
_CYCLE = 146_097 * 86_400
"""Seconds of 400 years, after which the calendar repeats itself."""
_FIRST, _LAST = -62_135_510_400, 253_402_214_400
"""0001-01-02 and 9999-12-31: Python's dates within any zone."""
_ARROW_ENDS = 2_145_916_800
"""2038-01-01: Arrow reads no rule for later years."""


@lru_cache(maxsize=1024)
def zone_of(name: str) -> Zone | None:
    """The zone that Spark takes a name for: an offset in any of its forms, a region, or one of Java's short names.

    None where it takes it for none.
    """
    name = _ONE_DIGIT_HOUR.sub(r"\g<1>0\2:", name, count=1)
    name = _ONE_DIGIT_MINUTE.sub(r"\1\2:0\3", name)
    name = SHORT_IDS.get(name, name)
    if name in ("Z", "UTC", "GMT", "UT"):
        return 0
    prefix = next((prefix for prefix in ("UTC", "GMT", "UT", "") if name.startswith(prefix)), "")
    if name[len(prefix) :].startswith(("+", "-")):
        return _offset(name[len(prefix) :])
    return ZoneInfo(name) if name in _regions() else None


@cache
def _regions() -> frozenset[str]:
    return frozenset(available_timezones()) - _UNKNOWN_TO_JAVA


def _offset(text: str) -> int | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.group(2, 4, 5))
    size = 3600 * hours + 60 * minutes + seconds
    fits = minutes < 60 and seconds < 60 and size <= _LONGEST_OFFSET
    return (-size if match[1] == "-" else size) if fits else None


def ahead_at_local(zone: Zone, seconds: int) -> int:
    """Seconds that a zone is ahead of UTC when its clocks show a time.

    Args:
        zone: the zone.
        seconds: of local time since 1970. Of a time that is there twice, the first counts; one that clocks leap over
            is read by the clock before the leap, as in Java.
    """
    if isinstance(zone, int):
        return zone
    return _offset_of((_EPOCH + timedelta(seconds=_repeated(seconds))).replace(tzinfo=zone))


def to_local(micros: Integers, name: str) -> Integers:
    """Microseconds of local time since 1970 of instants.

    Args:
        micros: [n] of the instants, since 1970 UTC.
        name: of the zone.

    Raises:
        ValueError: there is no such zone.
    """
    zone = zone_of(name)
    if zone is None:
        raise ValueError(f"'{name}' is not a time zone")
    if isinstance(zone, int):
        return micros + zone * 1_000_000 if zone else micros
    return micros + _ahead(micros // 1_000_000, zone) * 1_000_000


def _ahead(seconds: Integers, zone: ZoneInfo) -> Integers:
    in_range = (seconds >= _FIRST) & (seconds < _ARROW_ENDS)
    asked = np.where(in_range, seconds, 0)
    local = pc.local_timestamp(pa.array(asked).cast(pa.timestamp("s", zone.key))).cast(pa.int64())
    ahead: Integers = local.to_numpy() - asked
    distinct, inverse = np.unique(seconds[~in_range], return_inverse=True)
    ahead[~in_range] = np.array([_ahead_at(zone, int(each)) for each in distinct], np.int64)[inverse]
    return ahead


def _ahead_at(zone: ZoneInfo, seconds: int) -> int:
    return _offset_of((_EPOCH + timedelta(seconds=_repeated(seconds))).replace(tzinfo=UTC).astimezone(zone))


def _repeated(seconds: int) -> int:
    """A time of the years that Python knows at which any zone is as far ahead."""
    cycles = max(0, -((_LAST - seconds) // _CYCLE))
    return max(_FIRST, seconds - cycles * _CYCLE)


def _offset_of(time: datetime) -> int:
    ahead = time.utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds())
