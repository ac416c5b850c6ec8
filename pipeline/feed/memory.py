"""How much of a store a rank holds at a time, and how that is kept.

A rank's feeds share one `Memory`. Of its M bytes

    1/2  are for the row slices that batches are being cut from, one of every shard (were all shards this rank's: so the
         row slices, and with them the order of rows, do not depend on the number of ranks)
    1/4  is for row slices read ahead, at most half of it by one feed
    1/4  is for blocks: those ahead of the model, at work in it and being put together, of two feeds

What Arrow needs besides to read a row group is bounded by reading some columns of it at a time (`rows`). A thread that
reads one for the first time holds all of its bytes, up to M/64 (`files`).
"""

from __future__ import annotations

import logging
import math
import os
import threading
from dataclasses import dataclass, field

from pipeline.feed.buffers import Buffers
from pipeline.feed.cache import Cache, NoCache
from pipeline.schemas.columns import BYTES, ColumnSpec, StoreSchema
from pipeline.store.manifest import SplitEntry

logger = logging.getLogger(__name__)

DEFAULT_BYTES = 1 << 30
ROW_SLICES_AHEAD = 20
"""Of one feed at most, however small they are: more than the usual 16 shards, which may end together."""
BLOCKS_AHEAD = 2
BLOCKS_HELD = BLOCKS_AHEAD + 2
"""Of one feed: ahead, in the model, and in the making."""
THREADS_AT_MOST = 4
STALL_SECONDS = 300.0
OBJECT_BYTES = 48
"""Of a text or bytes value in Python, besides its content."""


class Memory:
    """What a rank's feeds hold, counted for row slices; any thread may ask.

    Attributes:
        limit: M, in bytes.
        held: bytes of row slices now.
        changed: is told when `held` is.
        buffers: memory to be used again.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        """`limit` is M."""
        self.limit = limit
        self.held = 0
        self.changed = threading.Condition()
        self.buffers = Buffers(limit // 16)

    @property
    def for_row_slices(self) -> int:
        """Bytes of all row slices."""
        return self.limit * 3 // 4


class ReadAheadLimit:
    """Lets a feed's threads read ahead as far as memory allows.

    Row slices are numbered in the order in which they are wanted. The one that is waited for always passes: a feed
    comes to a halt otherwise, since memory is given back only by what is served.
    """

    def __init__(self, memory: Memory) -> None:
        """A limit of one feed; several may share `memory`."""
        self._memory = memory
        self._own, self._ahead, self._served, self._wanted, self._closed = 0, 0, 0, -1, False

    def enter(self, number: int, size: int) -> bool:
        """Wait until `size` bytes may be read; False when the limit was closed instead."""
        with self._memory.changed:
            self._memory.changed.wait_for(lambda: self._closed or self._passes(number, size))
            if self._closed:
                return False
            self._memory.held += size
            self._own += size
            self._ahead += size
            return True

    def want(self, number: int) -> None:
        """Tell that a row slice is waited for."""
        with self._memory.changed:
            self._wanted = number
            self._memory.changed.notify_all()

    def serve(self, size: int) -> None:
        """Tell that a row slice which entered with `size` bytes is no longer ahead."""
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
                self._own -= size
                self._memory.changed.notify_all()

    def close(self) -> None:
        """Give all back, and let nobody wait any longer."""
        with self._memory.changed:
            self._memory.held -= self._own
            self._own, self._ahead, self._closed = 0, 0, True
            self._memory.changed.notify_all()

    def _passes(self, number: int, size: int) -> bool:
        if number <= self._wanted:
            return True
        # By number, not by count: a fast thread would pass again and again until it knows of no further task.
        near = number < self._served + ROW_SLICES_AHEAD
        few = self._ahead == 0 or self._ahead + size <= self._memory.limit // 8
        return near and few and self._memory.held + size <= self._memory.for_row_slices


@dataclass(frozen=True)
class Resources:
    """What the feeds of a rank may use, together.

    Attributes:
        memory: of rows on their way.
        threads: that read, of each feed; None takes as many as there are cores, up to four.
        cache: where rows stay for later epochs.
        stall_seconds: how long the next rows are waited for before the feed gives up.
    """

    memory: Memory = field(default_factory=Memory)
    threads: int | None = None
    cache: Cache = field(default_factory=NoCache)
    stall_seconds: float = STALL_SECONDS

    @property
    def reader_threads(self) -> int:
        """Threads of a feed."""
        return self.threads or min(THREADS_AT_MOST, len(os.sched_getaffinity(0)))

    def row_slice_rows(self, row_bytes: int, shards: int) -> int:
        """Rows of a row slice at most."""
        return max(self.memory.limit // 2 // max(shards, 1) // row_bytes, 1)

    def block_steps(self, wanted: int, step_bytes: int) -> int:
        """Steps of a block: as many as are wanted, or as memory holds."""
        return max(min(wanted, self.memory.limit // 8 // BLOCKS_HELD // max(step_bytes, 1)), 1)


def row_bytes(contract: StoreSchema, split: SplitEntry) -> int:
    """Bytes of a row in memory, with its weight; what texts and bytes hold is taken from the size of the files.

    Args:
        contract: of the store.
        split: that is read.
    """
    fixed = sum(_width(column) for column in contract.columns if column.role != "weight") + BYTES["float32"]
    if not any(column.type in ("string", "binary") for column in contract.columns):
        return fixed
    return fixed + 2 * sum(file.bytes for file in split.files) // max(split.rows, 1)


def _width(column: ColumnSpec) -> int:
    if column.role == "label":
        return BYTES["float64"]
    return math.prod(column.shape) * BYTES.get(column.type, OBJECT_BYTES)
