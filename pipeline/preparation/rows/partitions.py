"""Rows that were typed and hashed once, kept in files by partition for all passes after the first.

    [task: a piece of the source -> typed rows -> those of a partition together -> an Arrow file] -> later passes

A partition has the rows of one group and shard. Whoever writes a file of a store reads its partitions from all files,
and no other rows, so that none of them goes through Spark's shuffle. That takes a file system on which many small reads
are cheap: elsewhere later passes read the source again. (Spark's own partitions are called tasks and pieces here.)

A task that is tried again or runs twice writes a file of its own name; those of the tasks that Spark counts are told in
the answer, the others are never looked at, and go with the scratch folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.arrays.masks import Mask
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.scan import gathered
from pipeline.preparation.rows.partition_columns import PartitionColumns
from pipeline.preparation.rows.partition_writer import BATCHES
from pipeline.preparation.rows.split import MAX_SHARDS
from pipeline.preparation.rows.typed_rows import Indices
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import SPLITS
from pipeline.store.publish import scratch

CHUNK_BYTES = 64 << 20
"""Of rows that a task takes up at once."""

MOST_GROUPS = 128
"""Of more, most batches would be of a few rows."""


@dataclass(frozen=True)
class PartitionBatch:
    """A batch of a file.

    Attributes:
        file: its URI.
        number: of the batch in it.
    """

    file: str
    number: int


@dataclass(frozen=True)
class Partitions:
    """All rows, in partitions; small, since all tasks get it.

    Attributes:
        columns: what is kept of them.
        uris: of all files, in the order of the source.
        file: of each batch, in that order, the place of its file in `uris`.
        number: of each batch, which one of its file it is.
        partition: of each batch, whose rows they are.
        rows: in each batch.
    """

    columns: PartitionColumns
    uris: Sequence[str]
    file: Indices
    number: Indices
    partition: Indices
    rows: npt.NDArray[np.int64]

    def batches(self, group: int, shard: int, shards: int) -> Iterator[PartitionBatch]:
        """Those of a file of a store, in the order of the source.

        Args:
            group: of its rows.
            shard: of its rows, below `shards`.
            shards: how many there are, a divisor of `MAX_SHARDS`.
        """
        for partition_shard in range(shard, MAX_SHARDS, shards):
            yield from self._chosen(self.partition == group * MAX_SHARDS + partition_shard)

    def of_file(self, file: int) -> Iterator[PartitionBatch]:
        """All of a file."""
        return self._chosen(self.file == file)

    def count(self, group: int, shard: int, shards: int) -> int:
        """Rows of a file of a store; arguments as of `batches`."""
        partitions = [group * MAX_SHARDS + partition_shard for partition_shard in range(shard, MAX_SHARDS, shards)]
        return int(self.rows[np.isin(self.partition, partitions)].sum())

    def _chosen(self, chosen: Mask) -> Iterator[PartitionBatch]:
        for index in np.flatnonzero(chosen).tolist():
            yield PartitionBatch(self.uris[self.file[index]], int(self.number[index]))


def partitions_of(parts: Iterable[pa.Table], columns: PartitionColumns) -> Partitions:
    """What accumulators wrote, in the order of the pieces."""
    batches = pa.concat_tables([BATCHES.empty_table(), *parts])
    files = batches["file"].combine_chunks().dictionary_encode()
    numbers = [batches[name].to_numpy() for name in ("batch", "partition", "rows")]
    return Partitions(columns, files.dictionary.to_pylist(), files.indices.to_numpy(), *numbers)


def read_partitions(
    batches: Iterable[PartitionBatch], wanted: Callable[[str], bool] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of batches in their order, many batches as one.

    Args:
        batches: which.
        wanted: of a column's name, whether it is read; None reads all.
    """
    for chunk in gathered(_single(batches, wanted), attrgetter("nbytes"), CHUNK_BYTES):
        yield from pa.Table.from_batches(chunk).combine_chunks().to_batches()


def _single(batches: Iterable[PartitionBatch], wanted: Callable[[str], bool] | None) -> Iterator[pa.RecordBatch]:
    """Each file is opened once where its batches follow one another."""
    for uri, file_batches in groupby(batches, key=attrgetter("file")):
        path = storage_path(uri)
        with path.filesystem.open_input_file(path.path) as source:
            reader = pa.ipc.open_file(source)
            if wanted is not None:
                fields = [number for number, name in enumerate(reader.schema.names) if wanted(name)]
                reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=fields))
            yield from (reader.get_batch(batch.number) for batch in file_batches)


@contextmanager
def partition_folder(root: StoragePath, groups: int = len(SPLITS)) -> Iterator[StoragePath | None]:
    """A folder for partitions as long as the block lasts; None where their batches would be read too slowly.

    Args:
        root: of the storage, which all tasks see.
        groups: of rows.
    """
    if not root.is_local or groups > MOST_GROUPS:
        yield None
        return
    with scratch(root) as folder:
        yield folder


def partition_scan(spark: SparkSession, partitions: Partitions) -> PieceScan[int]:
    """All rows, a task for each file."""
    tasks = [[file] for file in range(len(partitions.uris))]
    return PieceScan(spark, tasks, lambda file: read_partitions(partitions.of_file(file)))
