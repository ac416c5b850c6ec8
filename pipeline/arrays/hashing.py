"""xxHash64 of whole columns, equal to Spark's `xxhash64` to the bit: it decides splits, shards, orders and ids of rows.

    hash_of([a, b])    row i: xxh64(b[i], seed=xxh64(a[i], seed=42)), a null leaving the seed as it is

Values are hashed as Spark hashes them: a double by its 64 bits (one NaN for all, and -0.0 as 0.0), a text by its bytes
in UTF-8. Source: Yann Collet, xxHash specification 0.1.1, and Spark's `XXH64.java`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

SEED = 42

_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime)
    for prime in (
        0x9E3779B185EBCA87,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
    )
)
_CHUNK = 1 << 13
"""Rows that are hashed at once: their many intermediate arrays stay in the processor's cache."""
_STRIPE = 32
_UNIT = float(1 << 53)
_MOST_32_BITS = 1 << 31


def hash_of(columns: Sequence[pa.Array]) -> Integers:
    """int64 [n]: one hash a row, over doubles, int64, int32 and strings; null values are skipped."""
    hashed = np.full(len(columns[0]), SEED, np.uint64)
    for start in range(0, len(hashed), _CHUNK):
        rows = hashed[start : start + _CHUNK]
        for column in columns:
            part = column.slice(start, _CHUNK)
            rows[:] = _skipping_nulls(part, rows, _hashed(part, rows))
    return hashed.view(np.int64)


def salted(purpose: str, seed: int, values: Integers) -> Integers:
    """int64 [n]: a hash of each value that is independent for each purpose and seed."""
    return _salted(_salt(purpose, seed), values)


def salted_once(purpose: str, values: Integers) -> Integers:
    """int64 [n]: the same without a seed."""
    return _salted(_salt(purpose, None), values)


def uniform(hashed: Integers) -> npt.NDArray[np.float64]:
    """float64 [n] in [0, 1): the upper 53 bits, which a double holds exactly."""
    upper: npt.NDArray[np.float64] = (hashed.view(np.uint64) >> np.uint64(11)).astype(np.float64)
    return upper / _UNIT


def _hashed(column: pa.Array, seeds: Hashes) -> Hashes:
    if pa.types.is_string(column.type):
        return _texts(column, seeds)
    values = (column.fill_null(0) if column.null_count else column).to_numpy(zero_copy_only=False)
    if values.dtype == np.int32:
        return _integers(values.view(np.uint32), seeds)
    if values.dtype == np.float64:
        # Adding 0.0 makes -0.0 of the same bits as 0.0, to which it is equal.
        numbers = values + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return _longs(numbers.view(np.int64), seeds)
    return _longs(values, seeds)


def _skipping_nulls(column: pa.Array, before: Hashes, after: Hashes) -> Hashes:
    if not column.null_count:
        return after
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), after, before)


def _salted(salt: int, values: Integers) -> Integers:
    hashed = np.full(len(values), salt, np.uint64)
    for start in range(0, len(hashed), _CHUNK):
        rows = slice(start, start + _CHUNK)
        hashed[rows] = _longs(values[rows], hashed[rows])
    return hashed.view(np.int64)


def _salt(purpose: str, seed: int | None) -> int:
    """Spark takes a seed that fits into 32 bits for a number of 32 bits."""
    salt = _texts(pa.array([purpose]), np.array([SEED], np.uint64))
    if seed is None:
        return int(salt[0])
    if -_MOST_32_BITS <= seed < _MOST_32_BITS:
        return int(_integers(np.array([seed & 0xFFFFFFFF], np.uint32), salt)[0])
    return int(_longs(np.array([seed], np.int64), salt)[0])


def _rotated(values: Any, bits: int) -> Any:
    return (values << np.uint64(bits)) | (values >> np.uint64(64 - bits))


def _mixed(hashed: Hashes) -> Hashes:
    hashed = (hashed ^ (hashed >> np.uint64(33))) * _P2
    hashed = (hashed ^ (hashed >> np.uint64(29))) * _P3
    return hashed ^ (hashed >> np.uint64(32))


def _with_word(hashed: Hashes, words: Hashes) -> Hashes:
    """Eight bytes more."""
    added = _rotated(words * _P2, 31) * _P1
    mixed: Hashes = _rotated(hashed ^ added, 27) * _P1 + _P4
    return mixed


def _with_half(hashed: Hashes, halves: Hashes) -> Hashes:
    """Four bytes more."""
    mixed: Hashes = _rotated(hashed ^ (halves * _P1), 23) * _P2 + _P3
    return mixed


def _with_byte(hashed: Hashes, octets: Hashes) -> Hashes:
    mixed: Hashes = _rotated(hashed ^ (octets * _P5), 11) * _P1
    return mixed


def _longs(values: Integers, seeds: Hashes) -> Hashes:
    return _mixed(_with_word(seeds + (_P5 + np.uint64(8)), values.view(np.uint64)))


def _integers(values: npt.NDArray[np.uint32], seeds: Hashes) -> Hashes:
    return _mixed(_with_half(seeds + (_P5 + np.uint64(4)), values.astype(np.uint64)))


def _texts(column: pa.Array, seeds: Hashes) -> Hashes:
    """Whole stripes of 32 bytes first, then what is left, rows of one length together."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    starts, lengths = (offsets[:-1] - first).astype(np.int64), np.diff(offsets).astype(np.int64)
    octets = np.frombuffer(column.buffers()[2] or b"", np.uint8)[first:last]
    # Seven bytes more, so that a word can be read at any place.
    data = _Bytes(np.concatenate([octets, np.zeros(8, np.uint8)]))
    hashed, places, rest = _stripes(data, starts, lengths, seeds)
    return _mixed(_tail(data, hashed + lengths.astype(np.uint64), places, rest))


class _Bytes:
    """Numbers at any place of a buffer, little-endian."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self._octets = data
        self._words: Hashes = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
        self._halves: npt.NDArray[np.uint32] = np.ndarray((len(data) - 3,), "<u4", data, strides=(1,))

    def words(self, places: Integers) -> Hashes:
        return self._words[places]

    def halves(self, places: Integers) -> Hashes:
        return self._halves[places].astype(np.uint64)

    def octets(self, places: Integers) -> Hashes:
        return self._octets[places].astype(np.uint64)


def _stripes(data: _Bytes, starts: Integers, lengths: Integers, seeds: Hashes) -> tuple[Hashes, Integers, Integers]:
    """The hash after all whole stripes of 32 bytes, where the rest begins, and how long it is."""
    hashed = seeds + _P5
    stripes = lengths // _STRIPE
    long = np.flatnonzero(stripes)
    if len(long):
        hashed[long] = _striped(data, starts[long], stripes[long], seeds[long])
    done = stripes * _STRIPE
    return hashed, starts + done, lengths - done


def _striped(data: _Bytes, starts: Integers, stripes: Integers, seeds: Hashes) -> Hashes:
    lanes = [seeds + _P1 + _P2, seeds + _P2, seeds.copy(), seeds - _P1]
    for stripe in range(int(stripes.max())):
        own = np.flatnonzero(stripes > stripe)
        for number, lane in enumerate(lanes):
            words = data.words(starts[own] + (stripe * _STRIPE + 8 * number))
            lane[own] = _rotated(lane[own] + words * _P2, 31) * _P1
    hashed = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True))
    for lane in lanes:
        hashed = (hashed ^ (_rotated(lane * _P2, 31) * _P1)) * _P1 + _P4
    return np.asarray(hashed, np.uint64)


def _tail(data: _Bytes, hashed: Hashes, places: Integers, rest: Integers) -> Hashes:
    """With the last bytes, fewer than 32."""
    order = np.argsort(rest.astype(np.uint8), kind="stable")
    hashed, places, found = hashed[order], places[order], np.empty_like(hashed)
    ends = np.cumsum(np.bincount(rest, minlength=_STRIPE)).tolist()
    for length, (start, stop) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < stop:
            hashed[start:stop] = _with_last(data, hashed[start:stop], places[start:stop], length)
    found[order] = hashed
    return found


def _with_last(data: _Bytes, hashed: Hashes, places: Integers, length: int) -> Hashes:
    """With so many bytes: words, then a half, then single ones."""
    done = 0
    for size, step, read in ((8, _with_word, data.words), (4, _with_half, data.halves), (1, _with_byte, data.octets)):
        while length - done >= size:
            hashed = step(hashed, read(places + done))
            done += size
    return hashed
