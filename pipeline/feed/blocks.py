"""The blocks of a split, in the order in which one rank trains on them; see `block` for their shapes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import StoreError
from pipeline.feed.block import Block, batch_slots, empty_block, flat_columns, pad_block
from pipeline.feed.memory import Resources, row_bytes
from pipeline.feed.order import ReadTask, RowSlice, epoch_tasks, shard_row_slices
from pipeline.feed.plan import EpochPlan, Ints, plan_epoch
from pipeline.feed.reader import RowSliceReader
from pipeline.feed.reader_state import ReadRows
from pipeline.schemas.tensors import TensorSpec
from pipeline.store.store import Store


@dataclass(frozen=True)
class Feed:
    """One split of a store, as one rank sees it.

    Attributes:
        store: the store to read.
        split: the split to read, such as `train`.
        plan: the plan of every epoch.
        rank: the rank that this feed serves.
        steps_per_block: k; the last block of an epoch may have fewer steps.
        seed: seed of the order of rows; None keeps the order of the files.
        class_weights: factors on the weights of rows, by class id; None leaves the weights as they are.
        resources: memory, threads and cache that the feed may use.
    """

    store: Store
    split: str
    plan: EpochPlan
    rank: int
    steps_per_block: int
    seed: int | None
    class_weights: tuple[float, ...] | None = None
    resources: Resources = field(default_factory=Resources)

    @cached_property
    def specs(self) -> tuple[TensorSpec, ...]:
        """The specs of the tensors."""
        return self.store.contract.tensors

    def blocks_from(self, first_step: int) -> int:
        """Number of blocks in an epoch that is read from `first_step` on."""
        return -(-(self.plan.steps - first_step) // self.steps_per_block)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Block]:
        """The blocks of one epoch, from `first_step` on."""
        stream = BlockStream(self, epoch, first_step, last_epoch=epoch)
        try:
            yield from stream.blocks()
        finally:
            stream.close()

    def row_slices(self) -> tuple[tuple[RowSlice, ...], ...]:
        """The row slices of this rank's shards, shard by shard."""
        entry = self.store.split(self.split)
        width = row_bytes(self.store.contract, entry)
        at_most = self.resources.row_slice_rows(width, self.store.manifest.shards)
        return tuple(shard_row_slices(entry, shard, at_most) for shard in self.plan.shards_of(self.rank))


class BlockStream:
    """The blocks of a feed, epoch after epoch, from one reader."""

    def __init__(self, feed: Feed, first_epoch: int = 0, first_step: int = 0, last_epoch: int | None = None) -> None:
        """Nothing is read before the first block is asked for.

        Args:
            feed: the feed to read.
            first_epoch: the epoch to start with.
            first_step: the step of that epoch to start with; earlier rows are read only within the same row groups.
            last_epoch: the last epoch to read; None never ends.
        """
        self._feed, self._first, self._first_step = feed, first_epoch, first_step
        self._epochs = count(first_epoch) if last_epoch is None else range(first_epoch, last_epoch + 1)
        self._row_slices = feed.row_slices()
        self._reader = RowSliceReader(
            feed.store,
            feed.split,
            self._tasks(),
            feed.resources,
            seed=feed.seed,
            class_weights=feed.class_weights,
        )
        self._open: dict[int, deque[_OpenRowSlice]] = {shard: deque() for shard in feed.plan.shards_of(feed.rank)}

    def blocks(self) -> Iterator[Block]:
        """All blocks, in order; the iteration ends early once the stream is closed.

        Raises:
            StoreError: a file cannot be read, or does not match the manifest or the contract.
            PlatformError: a reading thread died or stalled.
        """
        feed = self._feed
        for epoch in self._epochs:
            begin = self._first_step if epoch == self._first else 0
            for first in range(begin, feed.plan.steps, feed.steps_per_block):
                block = self._block(first, min(first + feed.steps_per_block, feed.plan.steps))
                if block is None:
                    return
                yield block

    def close(self) -> None:
        """Stop the reader; any thread may call this, also while another one waits in `blocks`."""
        self._reader.close()

    def _tasks(self) -> Iterator[ReadTask]:
        feed, epoch = self._feed, self._first
        before = feed.plan.before(self._first_step)
        given = [int(before[shard]) for shard in self._open]
        yield from epoch_tasks(self._row_slices, epoch, feed.seed, given)
        # The epochs that `blocks` serves, from an iterator of their own: tasks are taken ahead of the blocks.
        later = self._epochs[1:] if isinstance(self._epochs, range) else count(epoch + 1)
        if any(self._row_slices):
            for epoch in later:
                yield from epoch_tasks(self._row_slices, epoch, feed.seed)

    def _block(self, first: int, last: int) -> Block | None:
        plan = self._feed.plan
        served = plan.served(first, last)
        empty = self._feed.resources.memory.buffers.empty
        block = empty_block(self._feed.specs, served.sum(1), plan.padded_rank_batch, empty)
        flat = flat_columns(block)
        filled = np.zeros(last - first, np.int64)
        for shard in self._open:
            counts = served[:, shard]
            slots = batch_slots(counts, filled, plan.padded_rank_batch)
            if not self._fill(flat, shard, slots):
                return None
            filled += counts
        block.mask[...] = np.arange(plan.padded_rank_batch) < filled[:, None]
        pad_block(flat, block.mask)
        return block

    def _fill(self, flat: dict[str, npt.NDArray[Any]], shard: int, slots: Ints) -> bool:
        """Fill these slots with the next rows of a shard; False if the stream was closed."""
        done, row_slices = 0, self._open[shard]
        while done < len(slots):
            if not row_slices:
                if not self._receive():
                    return False
                continue
            done += row_slices[0].give(flat, slots[done:])
            if row_slices[0].is_empty:
                self._reader.release(row_slices.popleft().served)
        return True

    def _receive(self) -> bool:
        """Take the next row slice, whichever shard it belongs to."""
        served = self._reader.next()
        if served is None:
            return False
        self._open[served.task.row_slice.shard].append(_OpenRowSlice(served))
        return True


class _OpenRowSlice:
    """A row slice that batches are being cut from."""

    def __init__(self, served: ReadRows) -> None:
        self.served = served
        self._columns = served.rows.arrays()
        del self._columns["row_id"]
        self._given = 0

    @property
    def is_empty(self) -> bool:
        return self._given == len(self.served.rows)

    def give(self, flat: dict[str, npt.NDArray[Any]], slots: Ints) -> int:
        """Copy the next rows into the first of these slots of a block; returns how many were copied."""
        given = min(len(slots), len(self.served.rows) - self._given)
        for name, column in self._columns.items():
            flat[name][slots[:given]] = column[self._given : self._given + given]
        self._given += given
        return given


def open_feed(  # noqa: PLR0913 (each is a number of its own, and named)
    store: Store,
    split: str,
    *,
    batch_size: int,
    world_size: int,
    rank: int,
    steps_per_block: int,
    seed: int | None,
    class_weights: tuple[float, ...] | None = None,
    resources: Resources | None = None,
) -> Feed:
    """The feed of a split for one rank.

    `batch_size` is the global one. Blocks have fewer steps than `steps_per_block` if memory does not hold so many.

    Raises:
        StoreError: the manifest contradicts itself.
    """
    entry, resources = store.split(split), resources or Resources()
    shard_rows = entry.shard_rows(store.manifest.shards)
    if sum(shard_rows) != entry.rows:
        raise StoreError(
            f"The manifest of {store.path} says {entry.rows} {split} rows, but its files hold {sum(shard_rows)}. "
            "Prepare the store again."
        )
    plan = plan_epoch(shard_rows, batch_size, world_size)
    steps = resources.block_steps(steps_per_block, plan.padded_rank_batch * row_bytes(store.contract, entry))
    return Feed(store, split, plan, rank, steps, seed, class_weights, resources)
