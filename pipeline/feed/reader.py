"""The only door to Petastorm: row groups of a store's Parquet files, as numpy columns, in a known order.

Petastorm's thread pool hands out row groups in the order in which they were ventilated, whatever the number of
threads, and ventilates them in an order that is a function of the seed alone. Its process pool is not used: it
polls for ever when a child dies, and pickles over sockets.

`make_batch_reader` puts each row group into a namedtuple, so it refuses columns whose names are no Python names
(`hours-per-week`), and it copies every row group once on the way. We give Petastorm's `Reader` a worker of our
own, which stacks a row group's columns in the reading thread.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.contract.columns import StoreContract
from pipeline.errors import StoreError
from pipeline.feed.rows import Rows, rows_of
from pipeline.store.store import Store

# Petastorm still uses pyarrow's legacy classes, in threads of its own, where `catch_warnings` does not reach.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"petastorm|pyarrow|pipeline\.feed")
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"petastorm|pyarrow|pipeline\.feed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from petastorm.arrow_reader_worker import ArrowReaderWorker
    from petastorm.fs_utils import get_filesystem_and_path_or_paths
    from petastorm.reader import Reader
    from petastorm.workers_pool import EmptyResultError
    from petastorm.workers_pool.thread_pool import ThreadPool

THREADS = 1
"""A thread a shard: a rank reads several shards at once already."""
QUEUED_ROW_GROUPS = 5
"""Row groups that a shard reads ahead at most; Petastorm takes no fewer."""


def read_shard(store: Store, split: str, shard: int, *, seed: int | None = None) -> Generator[Rows, None, None]:
    """The rows of one shard, a row group at a time.

    Args:
        store: a published store.
        split: `train`, `validation` or `test`.
        shard: which one.
        seed: of the order of row groups and of the rows within each; None keeps the order of the files.

    Raises:
        StoreError: a file cannot be read, or does not hold what the manifest tells.
    """
    files = store.split(split).shard_files(shard)
    files = tuple(file for file in files if file.rows)
    if not files:
        return
    expected = sum(file.rows for file in files)
    order = None if seed is None else np.random.default_rng(seed)
    seen = 0
    try:
        for rows in _row_groups(store, [f"{store.place.path}/{file.path}" for file in files], seed):
            seen += len(rows)
            yield rows if order is None else rows.take(order.permutation(len(rows)))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        names = ", ".join(file.path for file in files)
        raise StoreError(
            f"Store {store.place.path}: {names} cannot be read: {error}. Prepare the store again."
        ) from error
    if seen != expected:
        names = ", ".join(file.path for file in files)
        raise StoreError(
            f"Store {store.place.path}: {names} held {seen} rows. Allowed: {expected}, as the manifest tells. "
            "Prepare the store again."
        )


def shard_seed(seed: int, epoch: int, shard: int) -> int:
    """The seed of one shard's order in one epoch; never 0, which Petastorm takes for `no seed`."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{shard}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") or 1


def _row_groups(store: Store, paths: list[str], seed: int | None) -> Iterator[Rows]:
    filesystem, _ = get_filesystem_and_path_or_paths(store.place.uri, hdfs_driver="libhdfs")
    reader = Reader(
        filesystem,
        paths,
        worker_class=_worker_class(store.contract),
        reader_pool=ThreadPool(THREADS, QUEUED_ROW_GROUPS),
        is_batched_reader=True,
        shuffle_row_groups=seed is not None,
        seed=seed,
        num_epochs=1,
    )
    try:
        yield from reader
    finally:
        reader.stop()
        reader.join()


def _worker_class(contract: StoreContract) -> type[ArrowReaderWorker]:
    """A Petastorm worker that reads one row group into `Rows`."""
    names = [column.name for column in contract.columns]

    class RowGroupWorker(ArrowReaderWorker):  # type: ignore[misc]
        @staticmethod
        def new_results_queue_reader() -> _Results:
            return _Results()

        def process(self, piece_index: int, worker_predicate: None, shuffle_row_drop_partition: Any) -> None:
            piece = self._split_pieces[piece_index]
            answer: Rows | Exception
            try:
                with self._filesystem.open(piece.path) as file:
                    table = pq.ParquetFile(file).read_row_group(piece.row_group, columns=names, use_threads=False)
                answer = rows_of(contract, {name: table.column(name).to_numpy() for name in names})
            except Exception as error:
                answer = error  # published, it is raised where rows are awaited; raised here, it would only be printed
            self.publish_func(answer)

    return RowGroupWorker


class _Results:
    """Hands on what the workers publish."""

    batched_output = True

    def read_next(self, workers_pool: ThreadPool, schema: Any, ngram: Any) -> Rows:
        """The next row group.

        Petastorm may take the last row groups for done while they are being ventilated: it first compares counts,
        then asks whether ventilation is over. Asked again, with ventilation over, the counts are true.
        """
        try:
            rows: Rows = workers_pool.get_results()
        except EmptyResultError:
            rows = _once_more(workers_pool)
        return rows


def _once_more(workers_pool: ThreadPool) -> Rows:
    try:
        rows: Rows = workers_pool.get_results()
    except EmptyResultError:
        raise StopIteration from None
    return rows
