"""How much of a store a rank holds in memory, and how that limit is kept.

A rank's feeds share one `Memory`. Of its M bytes

    1/2  is for the row slices that batches are being cut from, one of every shard. It is sized as if all shards were
         this rank's, so that row slices, and with them the order of rows, do not depend on the number of ranks
    1/4  is for row slices read ahead, at most half of it by one feed
    1/4  is for the blocks of two feeds: those ahead of the model, in use by it, and being filled

What Arrow needs besides to read a row group is bounded by reading some of its columns at a time (`rows`). A thread that
reads a row group for the first time holds all of its bytes, up to M/64 (`files`).
"""

from __future__ import annotations

import logging
import math
import os
import threading
from dataclasses import dataclass, field

from pipeline.feed.buffers import Buffers
from pipeline.feed.cache import Cache, NoCache
from pipeline.schemas.store_schema import BYTES, ColumnSpec, StoreSchema
from pipeline.store.manifest import SplitEntry

logger = logging.getLogger(__name__)

DEFAULT_BYTES = 1 << 30
ROW_SLICES_AHEAD = 20
"""Row slices that one feed reads ahead at most: more than the usual 16 shards, which may run out together."""
BLOCKS_AHEAD = 2
BLOCKS_HELD = BLOCKS_AHEAD + 2
"""Blocks of one feed: ahead of the model, in use by it, and being filled."""
THREADS_AT_MOST = 4
STALL_SECONDS = 300.0
OBJECT_BYTES = 48
"""Bytes of a text or bytes value in Python, besides its content."""


class Memory:
    """The memory that a rank's feeds share; any thread may use it.

    Attributes:
        limit: M, in bytes.
        held: bytes that row slices take now; guarded by `changed`.
        changed: notified whenever `held` changes.
        buffers: memory to be reused.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        """`limit` is M."""
        self.limit = limit
        self.held = 0
        self.changed = threading.Condition()
        self.buffers = Buffers(limit // 16)

    @property
    def for_row_slices(self) -> int:
        """Bytes that all row slices may take."""
        return self.limit * 3 // 4


class ReadAheadLimit:
    """Lets a feed's threads read ahead as far as memory allows.

    Row slices are numbered in the order in which they are needed. The one that the feed waits for always passes, even
    beyond the limit: memory is given back only after rows are served, so the feed would deadlock otherwise.
    """

    def __init__(self, memory: Memory) -> None:
        """A limit of one feed; several may share `memory`."""
        self._memory = memory
        self._held, self._ahead, self._served, self._wanted, self._closed = 0, 0, 0, -1, False

    def enter(self, number: int, size: int) -> bool:
        """Wait until `size` bytes may be read; False when the limit was closed instead."""
        with self._memory.changed:
            self._memory.changed.wait_for(lambda: self._closed or self._passes(number, size))
            if self._closed:
                return False
            self._memory.held += size
            self._held += size
            self._ahead += size
            return True

    def want(self, number: int) -> None:
        """Announce that the feed waits for a row slice."""
        with self._memory.changed:
            self._wanted = number
            self._memory.changed.notify_all()

    def serve(self, size: int) -> None:
        """Count a row slice that entered with `size` bytes as served, no longer as read ahead."""
        with self._memory.changed:
            if not self._closed:
                self._ahead -= size
                self._served += 1
                self._memory.changed.notify_all()

    def leave(self, size: int) -> None:
        """Give back what a served row slice held."""
        with self._memory.changed:
            if not self._closed:
                self._memory.held -= size
                self._held -= size
                self._memory.changed.notify_all()

    def close(self) -> None:
        """Give back all memory, and wake every thread that waits in `enter`."""
        with self._memory.changed:
            self._memory.held -= self._held
            self._held, self._ahead, self._closed = 0, 0, True
            self._memory.changed.notify_all()

    def _passes(self, number: int, size: int) -> bool:
        if number <= self._wanted:
            return True
        # By number, not by count: a fast thread would pass again and again, until it ran out of tasks and polled.
        near = number < self._served + ROW_SLICES_AHEAD
        few = self._ahead == 0 or self._ahead + size <= self._memory.limit // 8
        return near and few and self._memory.held + size <= self._memory.for_row_slices


@dataclass(frozen=True)
class Resources:
    """What the feeds of a rank may use together.

    Attributes:
        memory: memory for rows on their way to the model.
        threads: reading threads of each feed; None takes one a core, up to four.
        cache: where rows are kept for later epochs.
        stall_seconds: how long a feed waits for the next rows before it gives up.
    """

    memory: Memory = field(default_factory=Memory)
    threads: int | None = None
    cache: Cache = field(default_factory=NoCache)
    stall_seconds: float = STALL_SECONDS

    @property
    def reader_threads(self) -> int:
        """Number of reading threads of a feed."""
        return self.threads or min(THREADS_AT_MOST, len(os.sched_getaffinity(0)))

    def row_slice_rows(self, row_bytes: int, shards: int) -> int:
        """The largest number of rows in a row slice."""
        return max(self.memory.limit // 2 // max(shards, 1) // row_bytes, 1)

    def block_steps(self, wanted: int, step_bytes: int) -> int:
        """Steps of a block: as many as wanted, unless memory holds fewer."""
        return max(min(wanted, self.memory.limit // 8 // BLOCKS_HELD // max(step_bytes, 1)), 1)


def row_bytes(contract: StoreSchema, split: SplitEntry) -> int:
    """Bytes of a row in memory, with its weight; the content of texts and bytes is estimated from the files' size.

    Args:
        contract: the contract of the store.
        split: the entry of the split to read.
    """
    fixed = sum(_width(column) for column in contract.columns if column.role != "weight") + BYTES["float32"]
    if not any(column.type in ("string", "binary") for column in contract.columns):
        return fixed
    return fixed + 2 * sum(file.bytes for file in split.files) // max(split.rows, 1)


def _width(column: ColumnSpec) -> int:
    if column.role == "label":
        return BYTES["float64"]
    return math.prod(column.shape) * BYTES.get(column.type, OBJECT_BYTES)
