"""xxHash64 of some rows at once, each with a seed of its own.

Source: Yann Collet, xxHash specification 0.1.1. Steps that only some rows need are taken for all of them, and the
result is kept where it counts: that costs less than to bring rows of one length together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.masks import Mask

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

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
_STRIPE = 32


class TextBytes:
    """The bytes of a column of texts, readable as little-endian numbers at any position."""

    def __init__(self, column: pa.Array) -> None:
        """Null is an empty text."""
        offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        octets = np.frombuffer(column.buffers()[2] or b"", np.uint8)[first:last]
        self.starts, self.lengths = (offsets[:-1] - first).astype(np.int64), np.diff(offsets).astype(np.int64)
        # A stripe more, so that words can be read behind the end of any text.
        data = np.concatenate([octets, np.zeros(_STRIPE, np.uint8)])
        self._octets = data
        self._words: Hashes = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
        self._halves: npt.NDArray[np.uint32] = np.ndarray((len(data) - 3,), "<u4", data, strides=(1,))

    def words(self, positions: Integers) -> Hashes:
        """Eight bytes each."""
        return self._words[positions]

    def halves(self, positions: Integers) -> Hashes:
        """Four bytes each."""
        return self._halves[positions].astype(np.uint64)

    def octets(self, positions: Integers) -> Hashes:
        """A byte each."""
        return self._octets[positions].astype(np.uint64)


def hash_longs(values: Hashes, seeds: Hashes) -> Hashes:
    """[n]: of values of eight bytes."""
    return _mixed(_with_word(seeds + (_P5 + np.uint64(8)), values))


def hash_integers(values: npt.NDArray[np.uint32], seeds: Hashes) -> Hashes:
    """[n]: of values of four bytes."""
    return _mixed(_with_half(seeds + (_P5 + np.uint64(4)), values.astype(np.uint64)))


def hash_texts(texts: TextBytes, rows: slice, seeds: Hashes) -> Hashes:
    """[n]: of some texts: whole stripes of 32 bytes, then what is left."""
    starts, lengths = texts.starts[rows], texts.lengths[rows]
    hashed = seeds + _P5
    stripes = lengths // _STRIPE
    long = np.flatnonzero(stripes)
    if len(long):
        hashed[long] = _striped(texts, starts[long], stripes[long], seeds[long])
    done = stripes * _STRIPE
    return _mixed(_with_rest(texts, hashed + lengths.astype(np.uint64), starts + done, lengths - done))


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


def _striped(texts: TextBytes, starts: Integers, stripes: Integers, seeds: Hashes) -> Hashes:
    lanes = [seeds + _P1 + _P2, seeds + _P2, seeds.copy(), seeds - _P1]
    for stripe in range(int(stripes.max())):
        longer = np.flatnonzero(stripes > stripe)
        for number, lane in enumerate(lanes):
            words = texts.words(starts[longer] + (stripe * _STRIPE + 8 * number))
            lane[longer] = _rotated(lane[longer] + words * _P2, 31) * _P1
    hashed = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True))
    for lane in lanes:
        hashed = (hashed ^ (_rotated(lane * _P2, 31) * _P1)) * _P1 + _P4
    return np.asarray(hashed, np.uint64)


def _with_rest(texts: TextBytes, hashed: Hashes, positions: Integers, rest: Integers) -> Hashes:
    """With the last bytes, fewer than 32: words, then a half, then single ones."""
    words, last = rest >> 3, rest & 3
    for word in range(int(words.max(initial=0))):
        hashed = _where(words > word, _with_word(hashed, texts.words(positions + 8 * word)), hashed)
    positions = positions + 8 * words
    half = (rest & 4).astype(np.bool_)
    if half.any():
        hashed = _where(half, _with_half(hashed, texts.halves(positions)), hashed)
        positions = positions + 4 * half
    for octet in range(int(last.max(initial=0))):
        hashed = _where(last > octet, _with_byte(hashed, texts.octets(positions + octet)), hashed)
    return hashed


def _where(mask: Mask, after: Hashes, before: Hashes) -> Hashes:
    return after if mask.all() else np.where(mask, after, before)
