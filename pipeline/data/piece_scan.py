"""Rows that tasks read themselves, without Spark's readers: Spark hands out the numbers of pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.data.files import SourceFile
from pipeline.data.scan import Batches, Work, quicken_worker

TASK_BYTES = 32 << 20
"""Of the pieces of a task, about; text is read at some 300 MB a second."""


class FilePiece(Protocol):
    """A range of a file's bytes; `stop` None is its end."""

    @property
    def uri(self) -> str:
        """Of the file."""

    @property
    def start(self) -> int:
        """The first byte."""

    @property
    def stop(self) -> int | None:
        """The byte behind the last one."""


Read = Callable[[Any], Iterator[pa.RecordBatch]]
"""From a piece to its rows."""


@dataclass(frozen=True)
class PieceScan:
    """Rows in pieces, which follow from the files alone and never from the number of cores.

    Attributes:
        spark: the session.
        tasks: the pieces of each task.
        read: what a task calls for each piece; plain data and functions.
    """

    spark: SparkSession
    tasks: Sequence[Sequence[Any]]
    read: Read

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


def tasks_of(pieces: Iterable[FilePiece], files: Iterable[SourceFile], task_bytes: int = TASK_BYTES) -> list[list[Any]]:
    """Pieces in their order, small ones several for a task; by names and sizes alone."""
    sizes = {file.uri: file.bytes for file in files}
    tasks: list[list[Any]] = [[]]
    filled = 0
    for piece in pieces:
        size = (sizes[piece.uri] if piece.stop is None else piece.stop) - piece.start
        if tasks[-1] and filled + size > task_bytes:
            tasks.append([])
            filled = 0
        tasks[-1].append(piece)
        filled += size
    return [task for task in tasks if task]
