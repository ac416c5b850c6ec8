"""Batches of one rank, several steps at a time, as numpy arrays of fixed shape.

A block of k steps of a rank whose batches hold b rows:

    numeric      float32 [k, b, a]
    categorical  int32   [k, b, c]
    label        float32 [k, b]
    weight       float32 [k, b]     how much a real row counts, 1 if nothing else is said; 0 for padding
    rows         float32 [k]        real rows of the global batch, over all ranks, whatever they count

Several steps travel together because each crossing between Python and TensorFlow costs about as much as a small
step. A padding row is all zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import StoreError
from pipeline.feed.plan import EpochPlan, plan_epoch
from pipeline.feed.reader import read_shard, shard_seed
from pipeline.feed.rows import Rows, RowStream
from pipeline.store.store import Store


class Block(NamedTuple):
    """k steps of one rank; shapes at the top of this module."""

    numeric: npt.NDArray[np.float32]
    categorical: npt.NDArray[np.int32]
    label: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Feed:
    """One split of a store, as one rank sees it.

    Attributes:
        store: what is read.
        split: which part of it.
        plan: of every epoch.
        rank: this process.
        steps_per_block: k, but for the last block of an epoch.
        seed: of the order of rows; None keeps the order of the files.
        class_weights: multiply the weight of each row by that of its class; None leaves the weights.
    """

    store: Store
    split: str
    plan: EpochPlan
    rank: int
    steps_per_block: int
    seed: int | None
    class_weights: tuple[float, ...] | None = None

    @property
    def blocks_per_epoch(self) -> int:
        """Blocks of an epoch that is read from its beginning."""
        return -(-self.plan.steps // self.steps_per_block)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Block]:
        """The blocks of one epoch, from `first_step` on."""
        with ExitStack() as closing:
            streams = {shard: self._open(shard, epoch) for shard in self.plan.shards_of(self.rank)}
            for stream in streams.values():
                closing.callback(stream.close)
            yield from self._blocks(streams, first_step)
            for shard, stream in streams.items():
                with self._as_planned(shard):
                    stream.finish()

    def _blocks(self, streams: dict[int, RowStream], first_step: int) -> Iterator[Block]:
        skipped = self.plan.before(first_step)
        for shard, stream in streams.items():
            with self._as_planned(shard):
                stream.skip(int(skipped[shard]))
        for first in range(first_step, self.plan.steps, self.steps_per_block):
            yield self._block(streams, first, min(first + self.steps_per_block, self.plan.steps))

    @contextmanager
    def _as_planned(self, shard: int) -> Iterator[None]:
        """The plan was made from the manifest; a shard that is shorter or longer has changed since."""
        try:
            yield
        except (EOFError, ValueError) as error:
            raise StoreError(
                f"Store {self.store.place.path} changed while it was read: {self.split} shard {shard} does not hold "
                "the rows that the manifest tells. Prepare the store again."
            ) from error

    def _open(self, shard: int, epoch: int) -> RowStream:
        seed = None if self.seed is None else shard_seed(self.seed, epoch, shard)
        return RowStream(read_shard(self.store, self.split, shard, seed=seed))

    def _block(self, streams: dict[int, RowStream], first: int, last: int) -> Block:
        served = self.plan.served(first, last)
        block = self._empty(last - first, served)
        filled = np.zeros(last - first, np.int64)
        for shard, stream in streams.items():
            counts = served[:, shard]
            with self._as_planned(shard):
                pieces = [rows.weighed(self.class_weights) for rows in stream.take(int(counts.sum()))]
            _place(block, pieces, _positions(counts, filled))
            filled += counts
        return block

    def _empty(self, steps: int, served: npt.NDArray[np.int64]) -> Block:
        shape = (steps, self.plan.local_batch)
        state = self.store.features
        return Block(
            np.zeros((*shape, len(state.numeric)), np.float32),
            np.zeros((*shape, len(state.id_columns)), np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
            served.sum(1).astype(np.float32),
        )


def open_feed(
    store: Store,
    split: str,
    *,
    batch_size: int,
    world_size: int,
    rank: int,
    steps_per_block: int,
    seed: int | None,
    class_weights: tuple[float, ...] | None = None,
) -> Feed:
    """A split's feed for one rank; `batch_size` is the global one."""
    plan = plan_epoch(store.split(split).shard_rows(store.manifest.shards), batch_size, world_size)
    return Feed(store, split, plan, rank, steps_per_block, seed, class_weights)


def _positions(counts: npt.NDArray[np.int64], filled: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Step and slot of each of `counts.sum()` rows that go, in order, behind the `filled` slots of every step."""
    step = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(step)) - np.repeat(np.cumsum(counts) - counts, counts)
    return step, within + filled[step]


def _place(block: Block, pieces: list[Rows], positions: tuple[npt.NDArray[np.int64], ...]) -> None:
    start = 0
    for piece in pieces:
        step, slot = (position[start : start + len(piece)] for position in positions)
        block.numeric[step, slot] = piece.numeric
        block.categorical[step, slot] = piece.categorical
        block.label[step, slot] = piece.label
        block.weight[step, slot] = piece.weight
        start += len(piece)
