"""Rows of a store in the order of read tasks, read ahead by threads (see `petastorm_reader`)."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence

from pipeline.feed.files import StoreFiles
from pipeline.feed.memory import ReadAheadLimit, Resources, row_bytes
from pipeline.feed.order import ReadTask, shard_row_slices
from pipeline.feed.petastorm_reader import PetastormReader
from pipeline.feed.reader_state import ReadRows, SharedReaderState
from pipeline.feed.rows import Rows
from pipeline.store.store import Store


class RowSliceReader:
    """The rows of tasks, one after the other."""

    def __init__(
        self,
        store: Store,
        split: str,
        tasks: Iterator[ReadTask],
        resources: Resources,
        *,
        seed: int | None = None,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        """Nothing is read before the first task is asked for.

        Args:
            store: what is read.
            split: which part of it.
            tasks: in order; taken as they are needed, so there may be no end of them.
            resources: what may be used.
            seed: of the order of rows within row slices; None keeps that of the files.
            class_weights: multiply the weight of each row by that of its class; None leaves the weights.
        """
        self._store, self._resources = store, resources
        self._limit = ReadAheadLimit(resources.memory)
        memory = resources.memory
        opened = StoreFiles(store, split, memory.limit // 32, memory.buffers.empty)
        width = row_bytes(store.contract, store.split(split))
        self._state = SharedReaderState(opened, split, self._limit, resources, width, seed, class_weights)
        self._tasks = tasks
        self._reader: PetastormReader | None = None
        self._closed = threading.Event()
        self._starting = threading.Lock()

    def next(self) -> ReadRows | None:
        """The next task's rows; None when there is none, or the reader was closed.

        Raises:
            StoreError: a file cannot be read, or is not what manifest and contract tell.
            PlatformError: a reading thread died or stalled.
        """
        with self._starting:
            if self._reader is None and not self._closed.is_set():
                self._reader = PetastormReader(self._tasks, self._state, self._resources, self._closed)
        if self._reader is None or self._closed.is_set():
            return None
        result: ReadRows | Exception | None = next(self._reader, None)
        if isinstance(result, Exception):
            raise result
        if result is not None:
            self._limit.serve(result.size)
        return result

    def release(self, served: ReadRows) -> None:
        """Tell that a task's rows are needed no longer."""
        self._limit.leave(served.size)

    def close(self) -> None:
        """End the threads, wherever they are; may be called by any thread, more than once."""
        # The flag first: whoever is woken, by the limit or by the pool, then sees why. The lock, since another thread
        # may be starting the reader in `next` just now.
        self._closed.set()
        self._limit.close()
        with self._starting:
            if self._reader is not None and not self._reader.stopped:
                self._reader.stop()
                self._reader.join()


def read_shard(
    store: Store, split: str, shard: int, *, resources: Resources | None = None
) -> Generator[Rows, None, None]:
    """The rows of one shard in the order of its files, a row slice at a time.

    Args:
        store: a published store.
        split: `train`, `validation` or `test`.
        shard: which one.
        resources: what may be used.

    Raises:
        StoreError: a file cannot be read, or does not hold what the manifest says.
    """
    resources = resources or Resources()
    entry = store.split(split)
    width = row_bytes(store.contract, entry)
    row_slices = shard_row_slices(entry, shard, resources.row_slice_rows(width, store.manifest.shards))
    reader = RowSliceReader(store, split, (ReadTask(0, row_slice) for row_slice in row_slices), resources)
    try:
        while (served := reader.next()) is not None:
            yield served.rows
            reader.release(served)
    finally:
        reader.close()
