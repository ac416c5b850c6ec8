"""Which rows each rank serves in each step: pure arithmetic, equal on every rank, without opening a file.

Vocabulary: a split's rows lie in S virtual shards of n_0 ... n_{S-1} rows, N in all. An epoch has T global steps.
Rank r of W serves the shards s with `s % W == r`.

Every shard is spread evenly over the whole epoch. Row i of shard s has the position (2i + 1) / (2 n_s), between 0
and 1; all rows of the split, in the order of (position, shard), are cut into T = ceil(N / batch size) global batches
whose sizes differ by one at most. So each row is served exactly once, every rank takes T steps whatever the shards'
sizes, and no step at the end of an epoch is left with a handful of rows. Nothing here depends on W but the
assignment of shards: the global batches are the same sets of rows for any number of ranks.

For example, shards of 5 and 3 rows have the positions .1 .3 .5 .7 .9 and .17 .5 .83. A batch size of 4 gives T = 2
and cuts them into .1 .17 .3 .5 | .5 .7 .83 .9, that is 3 + 1 rows in step 0 and 2 + 2 in step 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

CHUNK_STEPS = 1 << 14
"""Steps whose row counts are computed together, which bounds memory for very long epochs."""


@dataclass(frozen=True)
class EpochPlan:
    """One epoch of one split.

    Attributes:
        shard_rows: number of rows in every shard.
        steps: T, the number of global steps.
        world_size: W, the number of ranks.
    """

    shard_rows: tuple[int, ...]
    steps: int
    world_size: int

    def served(self, first: int, last: int) -> Ints:
        """Number of rows of every shard in each of the steps `first` to `last - 1`: int64 [last - first, S]."""
        return np.diff(_given(self.shard_rows, self.steps, first, last), axis=0)

    def before(self, step: int) -> Ints:
        """Number of rows that every shard has served before `step`: int64 [S]."""
        given: Ints = _given(self.shard_rows, self.steps, step, step)[0]
        return given

    def shards_of(self, rank: int) -> tuple[int, ...]:
        """Numbers of the shards that a rank serves."""
        return tuple(range(rank, len(self.shard_rows), self.world_size))

    @cached_property
    def padded_rank_batch(self) -> int:
        """Rows of the fullest step of any rank, to which every rank's batch is padded."""
        ranks = [list(self.shards_of(rank)) for rank in range(self.world_size)]
        fullest = 0
        for first in range(0, self.steps, CHUNK_STEPS):
            served = self.served(first, min(first + CHUNK_STEPS, self.steps))
            fullest = max(fullest, *(int(served[:, shards].sum(1).max(initial=0)) for shards in ranks))
        return fullest


def plan_epoch(shard_rows: Sequence[int], batch_size: int, world_size: int) -> EpochPlan:
    """Plan one epoch.

    Args:
        shard_rows: rows of every shard; zeros are allowed.
        batch_size: the largest number of rows in a global step.
        world_size: number of ranks; with more ranks than shards, some get nothing but padding.
    """
    rows = tuple(int(count) for count in shard_rows)
    return EpochPlan(rows, -(-sum(rows) // batch_size), world_size)


def _given(shard_rows: tuple[int, ...], steps: int, first: int, last: int) -> Ints:
    """Number of rows that every shard has served before the steps `first` to `last`: int64 [last - first + 1, S]."""
    total = sum(shard_rows)
    if total == 0:
        return np.zeros((last - first + 1, len(shard_rows)), np.int64)
    rows = np.asarray(shard_rows, np.int64)[None, :]
    wanted = (np.arange(first, last + 1, dtype=np.int64) * total // steps)[:, None]
    given = (2 * wanted * rows + total) // (2 * total)  # each shard's share, rounded: at most S / 2 rows off in all
    while (missing := (wanted - given.sum(1, keepdims=True))).any():
        given += (missing > 0) * _one_of_each(_next_position(given, rows).argmin(1), rows)
        given -= (missing < 0) * _one_of_each(_last_position(given, rows), rows)
    return given


def _next_position(given: Ints, rows: Ints) -> npt.NDArray[np.float64]:
    """Position of the next row of each shard; infinity if it has served all."""
    return np.where(given < rows, (2 * given + 1) / np.maximum(2 * rows, 1), np.inf)


def _last_position(given: Ints, rows: Ints) -> Ints:
    """The shard that served the row with the last position; of several, the one with the highest number."""
    position = np.where(given > 0, (2 * given - 1) / np.maximum(2 * rows, 1), -np.inf)
    highest: Ints = rows.shape[1] - 1 - position[:, ::-1].argmax(1)
    return highest


def _one_of_each(shard: Ints, rows: Ints) -> Ints:
    """A one in the column of each step's shard: int64 [steps, S]."""
    ones: Ints = (np.arange(rows.shape[1])[None, :] == shard[:, None]).astype(np.int64)
    return ones
