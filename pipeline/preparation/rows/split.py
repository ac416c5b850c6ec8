"""Assigns each row to a split, to a shard and to a position in the shard, by its own values alone.

Nothing here depends on the order of rows, on partitions or on other rows, so a row keeps its split when rows are
added, files are rewritten or other columns appear.

    row_id = hash(key columns), or hash(all used columns) without a key
    unit   = hash(group columns), or row_id without groups
    u      = hash("split", seed, unit) as a number in [0, 1)

    0                    train                    1 - test            1
    |--------- train ---------|--- validation ---|------- test -------|

Test rows are at the upper end, so they stay test rows when only the share of validation changes. Rows of one key
share a split; within it, the hash of the whole row decides the shard, so that the rows of a frequent key spread evenly.
With `method: time`, cuts of the time column decide in place of the hash; with `method: column`, the column's value.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.hashing import hash_of, salted, uniform
from pipeline.arrays.masks import mask_of, missing_of
from pipeline.config.split import Method, SplitFractions
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.preparation.rows.typed_rows import Hashes, Indices, TypedRows
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)

MAX_SHARDS = 16
MIN_ROWS_PER_SHARD = 16
"""With fewer rows, shards would differ too much in length, and padding would outweigh real rows."""

TRAIN, VALIDATION, TEST = range(3)
LEFT_OUT = 3
"""In place of a split: rows in a gap before a cut, and rows that the filter leaves out."""

QUARANTINED = 4
"""In place of a split: rows that cannot be used."""

NOWHERE = -1
"""In place of a split: rows whose split cannot be determined; they are quarantined."""


@dataclass(frozen=True)
class ResolvedSplit:
    """How rows are divided, with everything that had to be looked up in the data.

    Attributes:
        method: `split.method`.
        fractions: the share of each split, where a hash decides.
        key: columns of `data.key`, which the id of a row is a hash of.
        groups: columns of `data.group`.
        strata: columns of `split.by`.
        bins: number of intervals of a numeric column of `strata`.
        time: the time column, for `method: time`.
        cuts: index and first timestamp of each split after the first, ascending.
        gap: the time before a cut in which rows are left out.
        column: `split.column`.
        values: the values of that column for each split, by index.
    """

    method: Method
    fractions: SplitFractions = field(default_factory=SplitFractions)
    key: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    bins: int = 10
    time: TimeColumn | None = None
    cuts: tuple[tuple[int, float], ...] = ()
    gap: float = 0.0
    column: str | None = None
    values: tuple[tuple[str, ...], ...] = ()

    @property
    def by_hash(self) -> bool:
        """Whether a hash of the key or group decides, so that no key or group can be in two splits."""
        return self.method in ("hash", "stratified", "group")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The splits that must not be empty."""
        if self.method == "time":
            indices = {TRAIN, *(index for index, _ in self.cuts)}
        elif self.method == "column":
            indices = {index for index, values in enumerate(self.values) if values}
        else:
            indices = {index for index, name in enumerate(SPLITS) if getattr(self.fractions, name)}
        return tuple(SPLITS[index] for index in sorted(indices))

    @property
    def shares(self) -> Mapping[str, float]:
        """The expected share of each split, where a hash decides; else empty."""
        return self.fractions.model_dump() if self.by_hash else {}


def group_of(rows: TypedRows, groups: Sequence[str]) -> pa.Array | None:
    """int64 [n]: a hash of the group; null where one of the group columns is missing."""
    if not groups:
        return None
    texts = [rows.text(name) for name in groups]
    missing = np.logical_or.reduce([missing_of(text) for text in texts])
    return pa.array(hash_of(texts), mask=missing)


def split_of(
    rows: TypedRows,
    split: ResolvedSplit,
    *,
    seed: int,
    row_id: Hashes,
    timestamp: pa.Array | None,
    group: pa.Array | None,
) -> Indices:
    """[n]: the index of the split, `LEFT_OUT`, or `NOWHERE`.

    Args:
        rows: typed.
        split: how rows are divided.
        seed: mixed into the hash.
        row_id: [n], a hash of the key.
        timestamp: float64 [n], for `method: time`.
        group: int64 [n], from `group_of`.
    """
    if split.time:
        assert timestamp is not None
        return _split_by_time(timestamp, split)
    if split.column:
        return _split_by_value(rows.text(split.column), split.values)
    if group is None:
        return _split_by_hash(salted("split", seed, row_id), split.fractions)
    split_index = _split_by_hash(salted("split", seed, group.fill_null(0).to_numpy()), split.fractions)
    return np.where(missing_of(group), NOWHERE, split_index).astype(np.int32)


def shard_of(seed: int, row_hash: Hashes) -> Indices:
    """[n]: the shard of each row, below `MAX_SHARDS`."""
    return np.mod(salted("shard", seed, row_hash), MAX_SHARDS).astype(np.int32)


def order_of(seed: int, row_hash: Hashes) -> Hashes:
    """[n]: the hash by which the rows of a shard are sorted."""
    return salted("order", seed, row_hash)


def shards_for(train_rows: int) -> int:
    """The number of virtual shards: 16, halved until each has `MIN_ROWS_PER_SHARD` training rows on average."""
    shards = MAX_SHARDS
    while shards > 1 and train_rows < shards * MIN_ROWS_PER_SHARD:
        shards //= 2
    return shards


def _split_by_hash(hashed: Hashes, fractions: SplitFractions) -> Indices:
    """By the hash as a number in [0, 1); without a validation share, one cut alone divides train from test."""
    unit = uniform(hashed)
    train_end = fractions.train if fractions.validation else 1.0 - fractions.test
    later_split = np.where(unit >= 1.0 - fractions.test, TEST, VALIDATION)
    return np.where(unit < train_end, TRAIN, later_split).astype(np.int32)


def _split_by_time(timestamps: pa.Array, split: ResolvedSplit) -> Indices:
    """From the first cut to the last: the gap before the cut, then the split from the cut on."""
    positions = timestamps.to_numpy(zero_copy_only=False)
    split_index = np.full(len(positions), TRAIN, np.int32)
    for later_split, cut in split.cuts:
        if split.gap:
            split_index[positions >= cut - split.gap] = LEFT_OUT
        split_index[positions >= cut] = later_split
    split_index[np.isnan(positions)] = NOWHERE
    return split_index


def _split_by_value(text: pa.Array, values: Sequence[Sequence[str]]) -> Indices:
    split_index = np.full(len(text), NOWHERE, np.int32)
    for index, names in reversed([*enumerate(values)]):
        if names:
            split_index[mask_of(pc.is_in(text, pa.array(names, pa.string())))] = index
    return split_index
