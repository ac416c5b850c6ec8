"""Dates and times as the texts that Spark shows: `2024-06-30 12:00:00.5`, `+10000-01-01`, `-0001-12-31`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import Mask, by_value, replaced, valid_of
from pipeline.arrays.zones import Integers, to_local

_FIRST_DAY, _LAST_DAY = -719_528, 2_932_896
"""0000-01-01 and 9999-12-31: dates with years of four digits, from the first of them to the last."""

_DAY = 86_400_000_000
_CYCLE = 146_097


def date_texts(dates: pa.Array) -> pa.Array:
    """String [n].

    Args:
        dates: date32 [n].
    """
    days = dates.cast(pa.int32())
    count = days.fill_null(0).to_numpy().astype(np.int64)
    return replaced(
        dates.cast(pa.string()), _is_odd(count), lambda days: by_value(days, _date, pa.string()), source=days
    )


def timestamp_texts(timestamps: pa.Array, *, zone: str) -> pa.Array:
    """String [n]: dates and times of day, without zeros at the end of a fraction.

    Args:
        timestamps: timestamp("us") [n], with a zone or without one.
        zone: of the texts of instants, which are the timestamps with a zone.
    """
    local = local_timestamps(timestamps, zone=zone)
    micros = local.cast(pa.int64())
    odd = _is_odd(micros.fill_null(0).to_numpy() // _DAY)
    text = pc.ascii_rtrim(pc.ascii_rtrim(local.cast(pa.string()), "0"), ".")
    return replaced(text, odd, lambda micros: by_value(micros, _timestamp, pa.string()), source=micros)


def local_timestamps(timestamps: pa.Array, *, zone: str) -> pa.Array:
    """Timestamp("us") without a zone [n]: what clocks show at instants; timestamps without a zone are as they are."""
    if timestamps.type.tz is None:
        return timestamps
    micros = timestamps.cast(pa.int64())
    local = to_local(micros.fill_null(0).to_numpy(), zone)
    return pa.array(local, mask=~valid_of(micros)).cast(pa.timestamp("us"))


def floored(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Whole days or microseconds, also before 1970, where a cast would cut towards it."""
    unit = 86_400_000 if pa.types.is_date(kind) else 1000
    count = array.cast(pa.int64())
    whole = pa.array(count.fill_null(0).to_numpy() // unit, mask=~valid_of(count))
    return whole.cast(pa.int32() if pa.types.is_date(kind) else pa.int64()).cast(kind)


def _is_odd(days: Integers) -> Mask:
    return (days < _FIRST_DAY) | (days > _LAST_DAY)


def _date(days: int) -> str:
    cycles, day = divmod(days - _FIRST_DAY, _CYCLE)
    year, rest = str(np.datetime64(day + _FIRST_DAY, "D")).split("-", 1)
    number = int(year) + 400 * cycles
    sign = "+" if number > 9999 else "-" if number < 0 else ""
    return f"{sign}{abs(number):04d}-{rest}"


def _timestamp(micros: int) -> str:
    days, rest = divmod(micros, _DAY)
    seconds, fraction = divmod(rest, 1_000_000)
    time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{_date(days)} {time}" + (f".{fraction:06d}".rstrip("0") if fraction else "")
