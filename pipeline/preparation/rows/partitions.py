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
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.arrays.masks import Mask
from pipeline.arrays.tables import by_number
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.scan import gathered
from pipeline.preparation.rows.split import MAX_SHARDS, order_of, shard_of
from pipeline.preparation.rows.typed_rows import SPLIT, Indices, RowPlacement, Rows, TypedRows
from pipeline.store.filesystem import StoragePath, naming, storage_path
from pipeline.store.layout import SPLITS
from pipeline.store.publish import scratch

CHUNK_BYTES = 64 << 20
"""Of rows that a task takes up at once."""

MOST_GROUPS = 128
"""Of more, most batches would be of a few rows."""

_LABEL, _CLASS, _WEIGHT, _TIMESTAMP, _GROUP = "label", "class", "weight", "timestamp", "group"
_VALUES, _ID, _HASH, _SPLIT, _PARTITION = "values", "row_id", "row_hash", "split", "partition"
_BATCHES = pa.schema([("file", pa.string()), ("batch", pa.int32()), ("partition", pa.int32()), ("rows", pa.int64())])


@dataclass(frozen=True)
class PartitionColumns:
    """What is kept of a row; plain data, which goes to the tasks.

    Attributes:
        numbers: raw and derived columns that are numbers.
        texts: those that are texts.
        column: of the groups, in the words of an assignment.
        keyed: whether rows have a key, and so more hashes than one.
        seed: of shards and of the order of rows.
    """

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    column: str
    keyed: bool
    seed: int

    def table(self, rows: Rows) -> pa.Table:
        """What is kept of a batch; values under `0`, `1`, ..., since columns may be called anything."""
        typed, placement = rows.typed, rows.placement
        columns = {str(i): typed.values[name] for i, name in enumerate((*self.numbers, *self.texts))}
        columns |= {_LABEL: typed.label_number, _CLASS: typed.label_text, _WEIGHT: typed.weight}
        columns |= {
            _HASH: placement.row_hash,
            _SPLIT: placement.split,
            _TIMESTAMP: placement.timestamp,
            _GROUP: placement.group,
        }
        columns |= {_VALUES: placement.values, _ID: placement.row_id} if self.keyed else {}
        columns |= {self.column: placement.of(self.column)} if self.column != SPLIT else {}
        return pa.table({name: pa.array(column) for name, column in columns.items() if column is not None})

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """What was kept, as rows; columns of the source that no feature is made of are missing."""
        columns = _arrays(batch)
        typed = TypedRows(
            count=len(batch),
            raw={},
            values={name: columns[str(index)] for index, name in enumerate((*self.numbers, *self.texts))},
            good=np.ones(len(batch), bool),
            label_number=columns[_LABEL],
            label_text=columns[_CLASS],
            weight=columns.get(_WEIGHT),
        )
        return Rows(typed, self.placement(batch))

    def placement(self, batch: pa.RecordBatch) -> RowPlacement:
        """Where rows belong; the columns of which `is_placement` is true are enough."""
        columns = _arrays(batch)
        row_hash = columns[_HASH].to_numpy()
        return RowPlacement(
            values=columns[_VALUES].to_numpy() if self.keyed else row_hash,
            row_id=columns[_ID].to_numpy() if self.keyed else row_hash,
            row_hash=row_hash,
            split=columns[_SPLIT].to_numpy(),
            shard=shard_of(self.seed, row_hash),
            order=order_of(self.seed, row_hash),
            timestamp=columns.get(_TIMESTAMP),
            group=columns.get(_GROUP),
            folds={} if self.column == SPLIT else {self.column: columns[self.column].to_numpy()},
        )

    def is_placement(self, name: str) -> bool:
        """Whether a column that is kept tells where a row belongs, and nothing of its values."""
        return not name.isdecimal() and name not in (_LABEL, _CLASS, _WEIGHT)


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


class PartitionAccumulator:
    """Writes the rows of a piece that are in a group; the result tells the batches of its file."""

    def __init__(self, folder: str, columns: PartitionColumns, groups: int) -> None:
        """`folder` is a URI; rows of the first so many groups are kept."""
        self._columns, self._groups = columns, groups
        self._path = storage_path(f"{folder}/{uuid4().hex}.arrow")
        self._sink: pa.NativeFile | None = None
        self._written: list[tuple[int, int]] = []

    def add(self, rows: Rows) -> None:
        """Write the rows of a batch, those of each partition as a batch of their own, in their order."""
        group = rows.placement.of(self._columns.column)
        partition = (group * MAX_SHARDS + rows.placement.shard).astype(np.int32)
        kept = (group >= 0) & (group < self._groups)
        table = self._columns.table(rows).append_column(_PARTITION, pa.array(partition))
        table = table if kept.all() else table.filter(pa.array(kept))
        # A task's batches are large enough: to sort more rows at once would copy them once more.
        with naming(self._path):
            for number, partition_rows in by_number(table, _PARTITION).items():
                self._write(number, partition_rows)

    def result(self) -> pa.Table:
        """The batches, in their order."""
        if self._sink is not None:
            with naming(self._path):
                self._writer.close()
                self._sink.close()
        count = len(self._written)
        partitions, rows = zip(*self._written, strict=True) if count else ((), ())
        columns = [[self._path.uri] * count, [*range(count)], [*partitions], [*rows]]
        return pa.table(columns, schema=_BATCHES)

    def _write(self, partition: int, rows: pa.Table) -> None:
        if self._sink is None:
            self._path.filesystem.create_dir(self._path.folder.path, recursive=True)
            self._sink = self._path.filesystem.open_output_stream(self._path.path)
            self._writer = pa.ipc.new_file(self._sink, rows.schema)
        self._writer.write_table(rows)
        self._written.append((partition, len(rows)))


def partitions_of(parts: Iterable[pa.Table], columns: PartitionColumns) -> Partitions:
    """What accumulators wrote, in the order of the pieces."""
    batches = pa.concat_tables([_BATCHES.empty_table(), *parts])
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


def _arrays(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))
