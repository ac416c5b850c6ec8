"""Finds the row of a table by the values of its key columns; plain data, sent to the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import category_of
from pipeline.arrays.hashing import hash_of
from pipeline.arrays.masks import Mask, mask_of

Integers = npt.NDArray[np.int64]


def key_texts(columns: Sequence[pa.Array]) -> list[pa.Array]:
    """The values of key columns as the texts of categories, which do not depend on the format of a file."""
    return [category_of(column) for column in columns]


@dataclass(frozen=True)
class KeyIndex:
    """An index of distinct keys.

    Attributes:
        texts: the key columns, as `key_texts` gives them; each is a string array [n].
        salt: goes into the hashes, so that no two keys share one.
        hashes: of the keys that are not null, in ascending order.
        rows: the row of each hash.
    """

    texts: Sequence[pa.Array]
    salt: int
    hashes: Integers
    rows: Integers

    @classmethod
    def of(cls, texts: Sequence[pa.Array]) -> KeyIndex:
        """The index of some keys, of which the first row counts where one is repeated."""
        filled = np.flatnonzero(_filled(texts))
        for salt in count():
            hashes = _hashes(texts, salt)[filled]
            order = np.argsort(hashes, kind="stable")
            index = cls(texts, salt, hashes[order], filled[order])
            if not len(index._collisions()):
                return index
        raise AssertionError("unreachable: some salt tells all keys apart")

    def repeated(self) -> Integers:
        """Rows whose key an earlier row has, in ascending order."""
        same = np.flatnonzero(self.hashes[1:] == self.hashes[:-1])
        return np.sort(self.rows[same + 1])

    def find(self, texts: Sequence[pa.Array]) -> tuple[Integers, Mask]:
        """The row of each key, and whether there is one; both [n].

        Args:
            texts: key columns, as `key_texts` gives them.
        """
        size = len(texts[0])
        if not len(self.hashes):
            return np.zeros(size, np.int64), np.zeros(size, np.bool_)
        hashes = _hashes(texts, self.salt)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        rows, found = self.rows[at], _filled(texts) & (self.hashes[at] == hashes)
        for own, other in zip(self.texts, texts, strict=True):
            found &= mask_of(pc.fill_null(pc.equal(own.take(pa.array(rows)), other), False))
        return rows, found

    def _collisions(self) -> Integers:
        """Positions of hashes that two different keys share."""
        same = np.flatnonzero(self.hashes[1:] == self.hashes[:-1])
        if not len(same):
            return same
        first, second = pa.array(self.rows[same]), pa.array(self.rows[same + 1])
        equal = np.ones(len(same), np.bool_)
        for column in self.texts:
            equal &= mask_of(pc.equal(column.take(first), column.take(second)))
        return same[~equal]


def _filled(texts: Sequence[pa.Array]) -> Mask:
    """Which keys have no null: bool [n]."""
    filled: Mask = np.logical_and.reduce([mask_of(column.is_valid()) for column in texts])
    return filled


def _hashes(texts: Sequence[pa.Array], salt: int) -> Integers:
    salts = pa.array(np.full(len(texts[0]), salt, np.int64))
    return hash_of([salts, *texts])
