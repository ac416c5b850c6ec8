"""Rows that tasks read themselves, without Spark's readers: Spark hands out the numbers of pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.preparation.listing.files import SourceFile
from pipeline.preparation.reading.folder_values import FileValues
from pipeline.preparation.reading.scan import Batches, Scan, Work, quicken_worker
from pipeline.sources.decoding.pieces import Piece, Tasks, tasks_of

P = TypeVar("P")

FILE = "__file"
"""The column that names the file of a row."""

Read = Callable[[P], Iterator[pa.RecordBatch]]
"""From a piece to its rows."""


@dataclass(frozen=True)
class PieceScan(Generic[P]):
    """Rows in pieces, which follow from the files alone and never from the number of cores.

    Attributes:
        spark: the session.
        tasks: the pieces of each task.
        read: what a task calls for each piece; plain data and functions.
        files: what messages call each file of a source, by URI; None where pieces are not parts of those.
    """

    spark: SparkSession
    tasks: Sequence[Sequence[P]]
    read: Read[P]
    files: Mapping[str, str] | None = None

    @property
    def parts(self) -> int:
        """How many tasks there are."""
        return max(len(self.tasks), 1)

    def mapped(self, work: Work, schema: pa.Schema) -> DataFrame:
        """What the work makes of every task's pieces, lazily."""
        tasks, read = self.tasks, self.read

        def task(numbers: Iterable[pa.RecordBatch]) -> Batches:
            quicken_worker()
            for batch in numbers:
                for number in batch.column(0).to_pylist():
                    yield from work(number, chain.from_iterable(map(read, tasks[number])))

        ids = self.spark.range(0, len(tasks), 1, len(tasks))
        return ids.mapInArrow(task, from_arrow_schema(schema, prefer_timestamp_ntz=True))


def with_files(scan: Scan) -> Scan:
    """The same rows with the column `FILE` behind the others, where they come from files of a source."""
    if not isinstance(scan, PieceScan) or scan.files is None:
        return scan
    read, files = scan.read, scan.files

    def read_named(piece: Piece) -> Iterator[pa.RecordBatch]:
        name = files.get(piece.uri, piece.uri.rpartition("/")[2])
        for batch in read(piece):
            column = pa.repeat(pa.scalar(name, pa.string()), len(batch))
            yield pa.RecordBatch.from_arrays([*batch.columns, column], [*batch.schema.names, FILE])

    return replace(scan, read=read_named)


def files_of(batch: pa.RecordBatch) -> pa.Array:
    """String [n]: the file that each row of a batch comes from, null where `with_files` does not know it."""
    names = batch.schema.names
    return batch.column(len(names) - 1) if names[-1:] == [FILE] else pa.nulls(len(batch), pa.string())


def filling(values: FileValues | None, names: Sequence[str], read: Read[Piece]) -> Read[Piece]:
    """Reads the same rows with all named columns, of which some have one value in each file."""
    if values is None or not {*names} & values.kinds.keys():
        return read
    return lambda piece: values.filled(read(piece), piece.uri, names)


def text_tasks(pieces: Iterable[Piece], files: Iterable[SourceFile]) -> Tasks:
    """The pieces of each task, of text files."""
    sizes = {file.uri: file.bytes for file in files}
    ends = ((piece, sizes[piece.uri] if piece.stop is None else piece.stop) for piece in pieces)
    return tasks_of(((piece, end - piece.start) for piece, end in ends), may_exceed=False)
