"""Rows that Python tasks read without Spark's readers; Spark only distributes the numbers of the pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.preparation.listing.files import SourceFile
from pipeline.preparation.reading.folder_values import FileValues
from pipeline.preparation.reading.scan import Batches, Work, quicken_worker
from pipeline.sources.decoding.pieces import Piece, Tasks, tasks_of

P = TypeVar("P")

Read = Callable[[P], Iterator[pa.RecordBatch]]
"""Reads the rows of a piece."""


@dataclass(frozen=True)
class LineReader(Generic[P]):
    """Reads the pieces of a text format with the numbers of lines.

    Attributes:
        read: reads the rows of a piece, with a last column that counts from the piece's first line.
        count: the number of lines of a piece.
    """

    read: Read[P]
    count: Callable[[P], int]


@dataclass(frozen=True)
class PieceScan(Generic[P]):
    """Rows in pieces, which depend on the files alone and never on the number of cores.

    Attributes:
        spark: the session.
        tasks: the pieces of each task.
        read: reads a piece in a task; plain data and functions.
        files: the name of each source file in messages, by URI; None where pieces are not parts of source files.
        lines: reads the same rows with the numbers of lines; None where the format has none.
    """

    spark: SparkSession
    tasks: Sequence[Sequence[P]]
    read: Read[P]
    files: Mapping[str, str] | None = None
    lines: LineReader[P] | None = None

    @property
    def parts(self) -> int:
        """The number of tasks."""
        return max(len(self.tasks), 1)

    def mapped(self, work: Work, schema: pa.Schema) -> DataFrame:
        """Apply the work to the pieces of each task, lazily."""
        tasks, read = self.tasks, self.read

        def task(numbers: Iterable[pa.RecordBatch]) -> Batches:
            quicken_worker()
            for batch in numbers:
                for number in batch.column(0).to_pylist():
                    yield from work(number, chain.from_iterable(map(read, tasks[number])))

        ids = self.spark.range(0, len(tasks), 1, len(tasks))
        return ids.mapInArrow(task, from_arrow_schema(schema, prefer_timestamp_ntz=True))


def filling(values: FileValues | None, names: Sequence[str], read: Read[Piece]) -> Read[Piece]:
    """A reader of the same rows that adds the columns with one value in each file."""
    if values is None or not {*names} & values.kinds.keys():
        return read
    return lambda piece: values.filled(read(piece), piece.uri, names)


def text_tasks(pieces: Iterable[Piece], files: Iterable[SourceFile]) -> Tasks:
    """Distribute pieces of text files over tasks."""
    sizes = {file.uri: file.bytes for file in files}
    ends = ((piece, sizes[piece.uri] if piece.stop is None else piece.stop) for piece in pieces)
    return tasks_of(((piece, end - piece.start) for piece, end in ends), may_exceed=False)
