"""Dates and times in the common layouts of ISO 8601, read column by column of their bytes: the quick way.

Texts of one length make a matrix of bytes; its columns are the positions of the layout:

    0         1         2
    012345678901234567890123456789
    20240630
    2024-06-30
    2024-06-30 12:00               also with T for the space
    2024-06-30 12:00:00
    2024-06-30 12:00:00.123456     one to nine digits, of which six count

A time of day may have Z or an offset like +02:00 behind it. Whatever is laid out otherwise, or is no date of the
calendar, stays unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.calendar import DAY, MICROS, first_days
from pipeline.arrays.masks import Mask, valid_of
from pipeline.arrays.zones import Integers

Bytes = npt.NDArray[np.uint8]

_LONGEST = len("2024-06-30 12:00:00.123456789+02:00")
_BASIC, _DATE, _MINUTES, _SECONDS = (
    len("20240630"),
    len("2024-06-30"),
    len("2024-06-30 12:00"),
    len("2024-06-30 12:00:00"),
)
_FRACTIONS = range(_SECONDS + 2, _SECONDS + 11)
_OFFSET = len("+02:00")
_HOURS_OF_OFFSETS = 18
_ZERO = np.uint8(ord("0"))


@dataclass(frozen=True)
class Layouts:
    """What was read of n texts.

    Attributes:
        micros: int64 [n], microseconds since 1970-01-01, of UTC where the text has a zone; 0 where nothing was read.
        read: [n], whether the text was read.
        zoned: [n], whether it has a zone.
    """

    micros: Integers
    read: Mask
    zoned: Mask


@dataclass(frozen=True)
class _Zone:
    """A way to write a zone behind a time of day.

    Attributes:
        width: bytes.
        has: [n], whether a text has a zone like this.
        ahead: seconds ahead of UTC, of each text or of all.
    """

    width: int
    has: Mask
    ahead: Integers | int


def read_layouts(text: pa.Array, *, spark_only: bool = False) -> Layouts:
    """Read what is laid out in one of the common ways.

    Args:
        text: string [n].
        spark_only: only what Spark itself reads as a time without a zone: no zones, and no dates without signs.
    """
    layouts = _nothing(len(text))
    for rows, matrix in _by_length(text):
        some = _local(matrix) if spark_only else _any(matrix)
        layouts.micros[rows], layouts.read[rows], layouts.zoned[rows] = some.micros, some.read, some.zoned
    return layouts


def _nothing(count: int) -> Layouts:
    return Layouts(np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_))


def _by_length(text: pa.Array) -> Iterator[tuple[Integers | slice, Bytes]]:
    """Rows whose texts have the same length, and the bytes [length, rows]."""
    if not len(text):
        return
    ends = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    lengths = np.where(valid_of(text), np.diff(ends), 0)
    counts = np.bincount(np.minimum(lengths, _LONGEST + 1), minlength=_LONGEST + 2)
    for length in range(_BASIC, _LONGEST + 1):
        if counts[length] == len(text):
            yield slice(None), _matrix(text, length)
        elif counts[length]:
            alike = lengths == length
            yield np.flatnonzero(alike), _matrix(text.filter(pa.array(alike)), length)


def _matrix(text: pa.Array, length: int) -> Bytes:
    """The bytes of texts that all have one length; every column of the result is contiguous."""
    first = np.frombuffer(text.buffers()[1], np.int32)[text.offset]
    data = np.frombuffer(text.buffers()[2], np.uint8, len(text) * length, first)
    return np.ascontiguousarray(data.reshape(-1, length).T)


def _any(matrix: Bytes) -> Layouts:
    zones = [zone for zone in _zones(matrix) if zone.has.any()]
    if any(zone.has.all() for zone in zones):
        layouts = _nothing(matrix.shape[1])
    else:
        layouts = _basic(matrix) if len(matrix) == _BASIC else _local(matrix)
    for zone in zones:
        some = _local(matrix[: -zone.width])
        zoned = some.read & zone.has
        micros = np.where(zoned, some.micros - zone.ahead * MICROS, layouts.micros)
        layouts = Layouts(micros, layouts.read | zoned, layouts.zoned | zoned)
    return layouts


def _zones(matrix: Bytes) -> Iterator[_Zone]:
    if len(matrix) > _MINUTES:
        yield _Zone(1, matrix[-1] == ord("Z"), 0)
    if len(matrix) >= _MINUTES + _OFFSET:
        sign, hours, minutes = matrix[-_OFFSET], _pair(matrix, -5), _pair(matrix, -2)
        has = ((sign == ord("+")) | (sign == ord("-"))) & (matrix[-3] == ord(":"))
        has &= _are_digits(matrix, (-5, -4, -2, -1)) & (hours < _HOURS_OF_OFFSETS) & (minutes < 60)
        yield _Zone(_OFFSET, has, np.where(sign == ord("-"), -1, 1) * (3600 * _wide(hours) + 60 * _wide(minutes)))


def _basic(matrix: Bytes) -> Layouts:
    days, read = _days(matrix, month=4, day=6)
    return _laid(days * DAY, read & _are_digits(matrix, range(_BASIC)))


def _local(matrix: Bytes) -> Layouts:
    """A date with signs, with or without a time of day; never a zone."""
    length = len(matrix)
    if length not in (_DATE, _MINUTES, _SECONDS, *_FRACTIONS):
        return _nothing(matrix.shape[1])
    signs = [position for position in (4, 7, 10, 13, 16, 19) if position < length]
    days, read = _days(matrix, month=5, day=8)
    read &= _are_digits(matrix, [position for position in range(length) if position not in signs])
    for position, sign in zip(signs, ("-", "-", " ", ":", ":", "."), strict=False):
        read &= (matrix[position] == ord(sign)) | (sign == " " and matrix[position] == ord("T"))
    seconds = days * DAY
    for position, unit, limit in ((11, 3600, 24), (14, 60, 60), (17, 1, 60)):
        if position < length:
            part = _pair(matrix, position)
            read &= part < limit
            seconds += unit * _wide(part)
    return _laid(seconds, read, _fraction(matrix))


def _laid(seconds: Integers, read: Mask, fraction: Integers | int = 0) -> Layouts:
    return Layouts(np.where(read, seconds * MICROS + fraction, 0), read, np.zeros(len(read), np.bool_))


def _days(matrix: Bytes, *, month: int, day: int) -> tuple[Integers, Mask]:
    """Days since 1970-01-01, and whether there is such a date, from where its parts begin; the year begins at 0."""
    months, days = _pair(matrix, month), _pair(matrix, day)
    index = 12 * (100 * _wide(_pair(matrix, 0)) + _pair(matrix, 2)) + months - 1
    first = first_days().take(index, mode="clip")
    length = first_days().take(index + 1, mode="clip") - first
    return first + days - 1, (months >= 1) & (months <= 12) & (days >= 1) & (days <= length)


def _fraction(matrix: Bytes) -> Integers | int:
    """Microseconds."""
    micros: Integers | int = 0
    for position, unit in zip(range(_SECONDS + 1, len(matrix)), (100_000, 10_000, 1000, 100, 10, 1), strict=False):
        micros = micros + unit * _wide(matrix[position] - _ZERO)
    return micros


def _pair(matrix: Bytes, position: int) -> Bytes:
    """What two digits are worth; of other signs, anything."""
    worth: Bytes = 10 * (matrix[position] - _ZERO) + (matrix[position + 1] - _ZERO)
    return worth


def _wide(numbers: Bytes) -> npt.NDArray[np.int64]:
    return numbers.astype(np.int64)


def _are_digits(matrix: Bytes, positions: Iterable[int]) -> Mask:
    """Whether there are digits at all of some positions."""
    are_digits = np.ones(matrix.shape[1], np.bool_)
    for position in positions:
        are_digits &= matrix[position] - _ZERO <= 9
    return are_digits
