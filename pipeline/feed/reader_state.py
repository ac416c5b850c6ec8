"""What the reading threads of one reader share, and how they read a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.feed.compatibility import WorkerTerminationRequested
from pipeline.feed.files import StoreFiles
from pipeline.feed.memory import ReadAheadLimit, Resources
from pipeline.feed.order import ReadTask, RowSlice, row_order
from pipeline.feed.rows import Rows


@dataclass(frozen=True)
class ReadRows:
    """A task and its rows, in the order in which they are served; `size` is the memory that they take, in bytes."""

    task: ReadTask
    rows: Rows
    size: int


@dataclass(frozen=True)
class SharedReaderState:
    """What the reading threads share; each part of it may be used by several threads at once."""

    files: StoreFiles
    split: str
    limit: ReadAheadLimit
    resources: Resources
    row_bytes: int
    seed: int | None
    class_weights: Sequence[float] | None

    def read(self, number: int, task: ReadTask) -> ReadRows:
        """The rows of a task, from the cache or from their file.

        Rows are shuffled here, by several threads and while they are still in the processor's cache: 17 ns a row of
        rows just decoded, where cutting batches out of order took 160 in a profile.

        Raises:
            WorkerTerminationRequested: the reader is being closed.
        """
        size = task.row_slice.rows * self.row_bytes
        if not self.limit.enter(number, size):
            raise WorkerTerminationRequested
        self.files.check(task.row_slice.file, task.epoch)
        order = row_order(task, self.seed)
        rows = self._rows(task.row_slice).take(order, self.resources.memory.buffers.empty)
        return ReadRows(task, rows.with_class_weights(self.class_weights), size)

    def _rows(self, row_slice: RowSlice) -> Rows:
        # The key holds the split: in a fold, a training row differs from the same row in another split.
        cache, key = self.resources.cache, (self.split, row_slice.file.path, row_slice.row_group, row_slice.first)
        rows = cache.get(key)
        if rows is None:
            rows = self.files.read(row_slice)
            cache.put(key, rows)
        return rows
