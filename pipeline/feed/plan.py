"""Which rows each rank serves in each step: pure arithmetic, the same on every rank, without opening a file.

Vocabulary: a split's rows lie in S virtual shards of n_0 ... n_{S-1} rows, N in all. An epoch has T global steps.
Rank r of W serves the shards s with `s % W == r`.

Every shard is spread evenly over the whole epoch: before step t, shard s has given

    c(s, t) = floor(t * n_s / T + s / S)        so c(s, 0) = 0 and c(s, T) = n_s

rows. So each row is served exactly once, every rank takes T steps whatever the shards' sizes, and no step at the
end of an epoch is left with a handful of rows. `s / S` staggers the rounding: with equal shards, a step's rows
differ by at most one from another's. T is the smallest number of steps in which no step has more rows than the
global batch. Nothing here depends on W but the assignment of shards, so the global batches are the same sets of
rows for any number of ranks.

For example, shards of 5 and 3 rows and a global batch of 4 give T = 2: 2 + 2 rows in step 0, 3 + 1 in step 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

CHUNK_STEPS = 1 << 14
"""Steps whose row counts are looked at together, to bound memory for very long epochs."""


@dataclass(frozen=True)
class EpochPlan:
    """One epoch of one split.

    Attributes:
        shard_rows: rows of every shard.
        steps: T.
        world_size: W.
    """

    shard_rows: tuple[int, ...]
    steps: int
    world_size: int

    def served(self, first: int, last: int) -> Ints:
        """Rows of every shard in each of the steps `first` to `last - 1`: int64 [last - first, S]."""
        return np.diff(_given(self.shard_rows, self.steps, first, last), axis=0)

    def before(self, step: int) -> Ints:
        """Rows that every shard has given before `step`: int64 [S]."""
        given: Ints = _given(self.shard_rows, self.steps, step, step)[0]
        return given

    def shards_of(self, rank: int) -> tuple[int, ...]:
        """The shards that a rank serves."""
        return tuple(range(rank, len(self.shard_rows), self.world_size))

    @cached_property
    def local_batch(self) -> int:
        """Rows of the fullest step of any rank: what every rank's batch is padded to."""
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
        batch_size: rows of a global step at most.
        world_size: number of ranks; more ranks than shards leaves some with padding only.
    """
    rows = tuple(int(count) for count in shard_rows)
    steps = -(-sum(rows) // batch_size)
    while _fullest_step(rows, steps) > batch_size:
        steps += 1
    return EpochPlan(rows, steps, world_size)


def _given(shard_rows: tuple[int, ...], steps: int, first: int, last: int) -> Ints:
    """c(s, t) for t from `first` to `last`: int64 [last - first + 1, S]."""
    shards = len(shard_rows)
    if steps == 0:
        return np.zeros((last - first + 1, shards), np.int64)
    step = np.arange(first, last + 1, dtype=np.int64)[:, None]
    rows = np.asarray(shard_rows, np.int64)[None, :]
    shard = np.arange(shards, dtype=np.int64)[None, :]
    return (step * rows * shards + shard * steps) // (steps * shards)


def _fullest_step(shard_rows: tuple[int, ...], steps: int) -> int:
    fullest = 0
    for first in range(0, steps, CHUNK_STEPS):
        given = _given(shard_rows, steps, first, min(first + CHUNK_STEPS, steps))
        fullest = max(fullest, int(np.diff(given.sum(1)).max()))
    return fullest
