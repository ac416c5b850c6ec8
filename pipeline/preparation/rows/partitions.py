"""Keeps typed and hashed rows in files, by partition, for all passes after the first.

    [task: a piece of the source -> typed rows -> sorted by partition -> an Arrow file] -> later passes

A partition has the rows of one group and shard. A task that writes a file of a store reads its partitions from all
these files, and no other rows, so that no row goes through Spark's shuffle. That needs a file system on which many
small reads are cheap; on others, later passes read the source again. (Spark's own partitions are called tasks and
pieces here.)

A repeated attempt of a task writes a file with another name. Only the files named in the results of tasks that Spark
accepts are read; the others are deleted with the scratch folder.
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
"""Bytes of rows that a task combines into one batch."""

MOST_GROUPS = 128
"""With more groups, most batches would have only a few rows."""


@dataclass(frozen=True)
class PartitionBatch:
    """One batch of a file.

    Attributes:
        file: URI of the file.
        number: index of the batch in the file.
    """

    file: str
    number: int


@dataclass(frozen=True)
class Partitions:
    """An index of all kept rows, by partition; small, since it is sent to all tasks.

    Attributes:
        columns: the columns that are kept.
        uris: URIs of all files, in the order of the source.
        file: index in `uris` of the file of each batch, in that order, int32 [b].
        number: index of each batch in its file, int32 [b].
        partition: partition of each batch, int32 [b].
        rows: number of rows of each batch, int64 [b].
    """

    columns: PartitionColumns
    uris: Sequence[str]
    file: Indices
    number: Indices
    partition: Indices
    rows: npt.NDArray[np.int64]

    def batches(self, group: int, shard: int, shards: int) -> Iterator[PartitionBatch]:
        """The batches of a file of a store, in the order of the source.

        Args:
            group: the group of its rows.
            shard: the shard of its rows, below `shards`.
            shards: the number of shards, a divisor of `MAX_SHARDS`.
        """
        for partition_shard in range(shard, MAX_SHARDS, shards):
            yield from self._chosen(self.partition == group * MAX_SHARDS + partition_shard)

    def of_file(self, file: int) -> Iterator[PartitionBatch]:
        """All batches of a file."""
        return self._chosen(self.file == file)

    def count(self, group: int, shard: int, shards: int) -> int:
        """The number of rows of a file of a store; arguments as for `batches`."""
        partitions = [group * MAX_SHARDS + partition_shard for partition_shard in range(shard, MAX_SHARDS, shards)]
        return int(self.rows[np.isin(self.partition, partitions)].sum())

    def _chosen(self, chosen: Mask) -> Iterator[PartitionBatch]:
        for index in np.flatnonzero(chosen).tolist():
            yield PartitionBatch(self.uris[self.file[index]], int(self.number[index]))


def partitions_of(parts: Iterable[pa.Table], columns: PartitionColumns) -> Partitions:
    """The index of what `PartitionAccumulator` wrote; `parts` are its results, in the order of the pieces."""
    batches = pa.concat_tables([BATCHES.empty_table(), *parts])
    files = batches["file"].combine_chunks().dictionary_encode()
    numbers = [batches[name].to_numpy() for name in ("batch", "partition", "rows")]
    return Partitions(columns, files.dictionary.to_pylist(), files.indices.to_numpy(), *numbers)


def read_partitions(
    batches: Iterable[PartitionBatch], wanted: Callable[[str], bool] | None = None, *, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.RecordBatch]:
    """The rows of batches, in order, with many small batches combined into one.

    Args:
        batches: the batches to read.
        wanted: whether to read a column, by its name; None reads all columns.
        chunk_bytes: of a combined batch, about.
    """
    for chunk in gathered(_single(batches, wanted), attrgetter("nbytes"), chunk_bytes):
        yield from pa.Table.from_batches(chunk).combine_chunks().to_batches()


def _single(batches: Iterable[PartitionBatch], wanted: Callable[[str], bool] | None) -> Iterator[pa.RecordBatch]:
    """Read the batches one by one; a file is opened once for consecutive batches."""
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
    """A folder for partitions, deleted after the block; None where reading their batches would be too slow.

    Args:
        root: the storage root, which all tasks can reach.
        groups: the number of groups of rows.
    """
    if not root.is_local or groups > MOST_GROUPS:
        yield None
        return
    with scratch(root) as folder:
        yield folder


def partition_scan(spark: SparkSession, partitions: Partitions) -> PieceScan[int]:
    """Scan all kept rows, with a task for each file."""
    tasks = [[file] for file in range(len(partitions.uris))]
    return PieceScan(spark, tasks, lambda file: read_partitions(partitions.of_file(file)))
