"""How often each number occurs, in bounded memory: exact for few different numbers, then rounded to fewer bits.

The bits of doubles, read as integers, are in the order of the doubles. A cell holds all doubles that share their upper
bits, so its width is a fixed share of the number itself: at most `2 ** (shift - 52)` of it. A sketch with too many
cells drops one more bit at a time. Sketches of parts can be merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MAGNITUDE = np.int64((1 << 63) - 1)


@dataclass(frozen=True)
class Sketch:
    """Counts of numbers.

    Attributes:
        keys: the bits that the doubles of each cell share, int64 [m], ascending.
        counts: number of rows by cell and kind, int64 [m, c].
        shift: number of bits dropped; 0 if every cell is one double.
        limit: the largest number of cells.
    """

    keys: Ints
    counts: Ints
    shift: int
    limit: int

    @classmethod
    def of(cls, values: Floats, kinds: Ints, width: int, *, limit: int, shift: int = 0) -> Sketch:
        """Count n numbers.

        Args:
            values: the numbers, [n], without NaN; 0.0 and -0.0 are equal.
            kinds: the kind of each row, [n], below `width`.
            width: c, the number of kinds.
            limit: the largest number of cells.
            shift: the least number of bits to drop.
        """
        keys, cells = np.unique(_ordered(values) >> np.int64(shift), return_inverse=True)
        counts = np.bincount(cells * width + kinds, minlength=len(keys) * width).reshape(len(keys), width)
        return _within_limit(cls(keys, counts, shift, limit))

    @property
    def low(self) -> Floats:
        """The smallest double of each cell, [m]."""
        return _double(self.keys << np.int64(self.shift))

    @property
    def high(self) -> Floats:
        """The largest double of each cell, [m]."""
        return _double(((self.keys + 1) << np.int64(self.shift)) - 1)

    @property
    def middle(self) -> Floats:
        """The number that represents each cell, [m]."""
        low = self.low
        return low if self.shift == 0 else low + (self.high - low) / 2.0


def merge_sketches(sketches: Sequence[Sketch]) -> Sketch:
    """The sketch of all rows together, of at least one sketch, in any order."""
    shift = max(sketch.shift for sketch in sketches)
    keys = np.concatenate([sketch.keys >> np.int64(shift - sketch.shift) for sketch in sketches])
    counts = np.concatenate([sketch.counts for sketch in sketches])
    order = np.argsort(keys, kind="stable")
    return _within_limit(_gathered(keys[order], counts[order], shift, sketches[0].limit))


def _gathered(keys: Ints, counts: Ints, shift: int, limit: int) -> Sketch:
    """A sketch from sorted keys, with equal ones merged."""
    if not len(keys):
        return Sketch(keys, counts, shift, limit)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return Sketch(keys[starts], np.add.reduceat(counts, starts, axis=0), shift, limit)


def _within_limit(sketch: Sketch) -> Sketch:
    """Drop bits until the limit holds: neighbours merge once the highest bit in which they differ is dropped."""
    keys, more = sketch.keys, len(sketch.keys) - sketch.limit
    if more <= 0:
        return sketch
    apart = keys[1:] ^ keys[:-1]
    apart[apart < 0] = _MAGNITUDE  # a negative number and a positive one are never one cell
    bits = int(np.partition(apart, more - 1)[more - 1]).bit_length()
    return _gathered(keys >> np.int64(bits), sketch.counts, sketch.shift + bits, sketch.limit)


def _ordered(values: Floats) -> Ints:
    """Integers in the order of the doubles. Adding 0.0 turns -0.0 into 0.0."""
    return _flipped((np.asarray(values, np.float64) + 0.0).view(np.int64))


def _double(keys: Ints) -> Floats:
    ends = _ordered(np.array([-np.inf, np.inf]))
    return _flipped(np.clip(keys, ends[0], ends[1])).view(np.float64)


def _flipped(bits: Ints) -> Ints:
    """Flip the bits of negative doubles, which are in the opposite order."""
    flipped: Ints = bits ^ ((bits >> np.int64(63)) & _MAGNITUDE)
    return flipped


def quantiles(sketch: Sketch, shares: Sequence[float]) -> tuple[Floats, Floats]:
    """Quantiles of all rows, as numpy defines them, and their error bounds.

    Args:
        sketch: a sketch of at least one row.
        shares: between 0 and 1.

    Returns:
        The quantiles [s] and their error bounds [s].
    """
    ends = np.cumsum(sketch.counts.sum(axis=1))
    ranks = np.asarray(shares, np.float64) * (ends[-1] - 1)
    below = np.floor(ranks).astype(np.int64)
    first = np.searchsorted(ends, below, side="right")
    second = np.searchsorted(ends, np.minimum(below + 1, ends[-1] - 1), side="right")
    weight, middle, low, high = ranks - below, sketch.middle, sketch.low, sketch.high
    values = middle[first] * (1.0 - weight) + middle[second] * weight
    off = np.maximum(high - middle, middle - low)
    return values, np.maximum(off[first], off[second])


def absolute(sketch: Sketch) -> Sketch:
    """The sketch of the numbers without their signs."""
    # The key of -x is the complement of the key of x, also after bits are dropped.
    keys = np.where(sketch.keys < 0, ~sketch.keys, sketch.keys)
    order = np.argsort(keys, kind="stable")
    return _gathered(keys[order], sketch.counts[order], sketch.shift, sketch.limit)
