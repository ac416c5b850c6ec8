"""A column as points in time, on one axis of doubles.

A number is its own position on the axis; that of a date or a time (ISO 8601, also without its signs, like
20240630T120000) is its seconds since 1970-01-01 UTC. One without a zone is taken as UTC.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.calendar import MICROS
from pipeline.arrays.cells import finite, plain, plain_number_of
from pipeline.arrays.iso_texts import local_in, timestamp_in
from pipeline.arrays.layouts import read_layouts
from pipeline.arrays.masks import LINE_END, Mask, by_value, matches, only, replaced, valid_of
from pipeline.arrays.timestamp_texts import local_timestamps
from pipeline.arrays.types import is_number, is_text
from pipeline.arrays.zones import Integers
from pipeline.errors import DataError, Problem

_DATE = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{LINE_END}"
_TIME = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[ T][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]+)?)?)?{LINE_END}"
_PERHAPS = r"^[0-9]{4}-[0-9]{1,2}-|^[0-9]{8}(?:[^0-9]|$)|^[0-9][^ T]+[ T]"
"""At least what `timestamp_in` reads."""

_LOCAL = pa.timestamp("us")
_EXACT_INTEGERS = 1 << 53


def timestamp_of(array: pa.Array, *, dated: bool, zone: str = "UTC") -> pa.Array:
    """Float64 [n]: where rows lie on the axis; null where a value is missing or cannot be read.

    Args:
        array: [n], of a type that `dated_by_type` takes.
        dated: whether texts hold dates; of other types, whether the type is one of dates.
        zone: of the session; no timestamp depends on it.

    Raises:
        TypeError: `dated`, and the type holds no dates.
    """
    array = plain(array)
    if not dated:
        return finite(plain_number_of(array))
    if is_text(array.type):
        return _seconds_of_texts(pc.ascii_trim(array, " "))
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        micros = array.cast(pa.int64())
        return pa.array(_integers(micros) / MICROS, mask=~valid_of(micros))
    local = as_timestamp_ntz(array, zone=zone).cast(pa.int64())
    return pa.array(_exact_seconds(_integers(local)), mask=~valid_of(local))


def dated_by_type(kind: pa.DataType, name: str) -> bool | None:
    """Whether a column of a type holds dates, not numbers; None for texts, which can hold either.

    Args:
        kind: the type.
        name: of the column, for the message.

    Raises:
        DataError: the type can hold neither.
    """
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if is_text(kind):
        return None
    if is_number(kind):
        return False
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return True
    allowed = "dates, times, numbers, or texts that hold them"
    raise DataError(str(Problem(f"Column '{name}' (data.time) has no usable type", allowed, str(kind))))


def as_timestamp_ntz(array: pa.Array, *, zone: str = "UTC") -> pa.Array:
    """Timestamp("us") without a zone [n]: dates and times as clocks show them; null where there is none.

    Args:
        array: dates, times, or texts, which count where `is_time_text` holds of them, spaces around them aside.
        zone: of the clocks that show instants, which are the times with a zone.

    Raises:
        TypeError: another type.
    """
    array = plain(array)
    if is_text(array.type):
        return _local_of_texts(pc.ascii_trim(array, " "))
    if pa.types.is_date(array.type):
        return array.cast(_LOCAL)
    if pa.types.is_timestamp(array.type):
        return local_timestamps(array, zone=zone)
    raise TypeError(f"{array.type} holds no dates or times")


def as_timestamp_utc(array: pa.Array) -> pa.Array:
    """Timestamp("us") without a zone [n]: like `as_timestamp_ntz`, but texts may have a zone, and are then of UTC."""
    array = plain(array)
    if not is_text(array.type):
        return as_timestamp_ntz(array)
    local = _local_of_texts(pc.ascii_trim(array, " "))
    laid = read_layouts(pc.ascii_trim(array, " "))
    if not laid.zoned.any():
        return local
    return pc.if_else(pa.array(laid.zoned), pa.array(laid.micros).cast(_LOCAL), local)


def is_date_text(text: pa.Array) -> Mask:
    """Where texts [n] are laid out as a date; a null is not."""
    return matches(text, _DATE)


def is_time_text(text: pa.Array) -> Mask:
    """Where texts [n] are laid out as a date with or without a time of day; a null is not."""
    return matches(text, _TIME)


def _seconds_of_texts(text: pa.Array) -> pa.Array:
    laid = read_layouts(text)
    seconds = _exact_seconds(laid.micros)
    if laid.zoned.any():
        seconds = np.where(laid.zoned, laid.micros / MICROS, seconds)
    number = pa.array(seconds, mask=~laid.read)
    return replaced(number, ~laid.read & valid_of(text), _odd_seconds, source=text)


def _odd_seconds(text: pa.Array) -> pa.Array:
    return by_value(only(text, matches(text, _PERHAPS)), _seconds_in, pa.float64())


def _seconds_in(text: str) -> float | None:
    parsed = timestamp_in(text)
    if parsed is None:
        return None
    micros, zoned = parsed
    return float(micros) / MICROS if zoned else micros / MICROS


def _local_of_texts(text: pa.Array) -> pa.Array:
    laid = read_layouts(text, spark_only=True)
    local = pa.array(laid.micros, mask=~laid.read).cast(_LOCAL)
    return replaced(local, ~laid.read & valid_of(text), _odd_local, source=text)


def _odd_local(text: pa.Array) -> pa.Array:
    return by_value(only(text, is_time_text(text)), local_in, _LOCAL)


def _exact_seconds(micros: Integers) -> npt.NDArray[np.float64]:
    """Rounded once, as Spark does where it goes by decimals; of instants it first makes a double of `micros`."""
    seconds: npt.NDArray[np.float64] = micros / MICROS
    large = np.abs(micros) > _EXACT_INTEGERS
    if large.any():
        seconds[large] = [each / MICROS for each in micros[large].tolist()]
    return seconds


def _integers(array: pa.Array) -> Integers:
    """Int64 [n], 0 for null."""
    integers: Integers = array.fill_null(0).to_numpy()
    return integers
