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
    """Reads the rows of read tasks, in the order of the tasks."""

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
        """Nothing is read before the first call of `next`.

        Args:
            store: the store to read.
            split: the split to read.
            tasks: what to read, in order; taken as needed, so they may be endless.
            resources: memory, threads and cache to use.
            seed: seed of the order of rows within a row slice; None keeps the order of the files.
            class_weights: factors on the weights of rows, by class id; None leaves the weights as they are.
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
        """The rows of the next task; None after the last one, and once the reader is closed.

        Raises:
            StoreError: a file cannot be read, or does not match the manifest or the contract.
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
        """Give back the memory of a task's rows, which are no longer needed."""
        self._limit.leave(served.size)

    def close(self) -> None:
        """Stop the reading threads; any thread may call this, and more than once."""
        # The order matters. The flag first: a thread that the limit or the pool wakes must see why. Then the limit, or
        # `join` would wait for threads that wait for memory. And the lock: another thread may be starting the reader in
        # `next` at this moment, and nobody would stop that one.
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
        store: the published store to read.
        split: the split to read: `train`, `validation` or `test`.
        shard: the number of the shard.
        resources: memory, threads and cache to use; None takes the defaults.

    Raises:
        StoreError: a file cannot be read, or does not match the manifest or the contract.
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
