"""Scans all rows of a source in Spark's tasks, a piece at a time, as Arrow batches.

    pieces of the source -> [task: read -> batches -> work] -> rows of a data frame, or partial results

Spark plans, distributes and retries; the work is a plain function of batches. Partial results are returned in the
order of the pieces, so that sums over them are added in the same order in every run.
"""

from __future__ import annotations

import gc
import zipimport
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

Item = TypeVar("Item")
Batches = Iterator[pa.RecordBatch]
Work = Callable[[int, Batches], Batches]
"""Maps the number of a piece and its batches to batches of another schema; runs in a task."""

Parts = Mapping[str, pa.Table]
"""A partial result: tables by name."""

_PARTIAL = pa.schema([("piece", pa.int32()), ("name", pa.string()), ("table", pa.binary())])


class Scan(Protocol):
    """Rows that can be scanned any number of times."""

    @property
    def spark(self) -> SparkSession:
        """The session."""

    @property
    def parts(self) -> int:
        """A lower bound of the number of pieces of about equal size."""

    def mapped(self, work: Work, schema: pa.Schema) -> DataFrame:
        """Apply the work to every piece, lazily."""


@dataclass(frozen=True)
class FrameScan:
    """Rows that Spark itself reads: a piece is a partition of them.

    Attributes:
        rows: the rows.
    """

    rows: DataFrame

    @property
    def spark(self) -> SparkSession:
        """The session."""
        return self.rows.sparkSession

    @property
    def parts(self) -> int:
        """1, since partitions are not counted and may have any size."""
        return 1

    def mapped(self, work: Work, schema: pa.Schema) -> DataFrame:
        """Apply the work to every partition, lazily."""

        def task(batches: Iterable[pa.RecordBatch]) -> Batches:
            quicken_worker()
            return work(partition_number(), iter(batches))

        return self.rows.mapInArrow(task, from_arrow_schema(schema, prefer_timestamp_ntz=True))


def collect_parts(scan: Scan, work: Callable[[Batches], Parts]) -> dict[str, list[pa.Table]]:
    """Run a query with a small result: the partial results of all pieces, by name, in the order of the pieces."""

    def partial(piece: int, batches: Batches) -> Batches:
        parts = work(batches)
        tables = [to_bytes(table) for table in parts.values()]
        yield pa.RecordBatch.from_arrays(
            [pa.array([piece] * len(parts), pa.int32()), pa.array(list(parts)), pa.array(tables, pa.binary())],
            schema=_PARTIAL,
        )

    answer = scan.mapped(partial, _PARTIAL).toArrow().sort_by("piece")
    collected: dict[str, list[pa.Table]] = {}
    for name, content in zip(answer["name"].to_pylist(), answer["table"], strict=True):
        collected.setdefault(name, []).append(from_bytes(content.as_buffer()))
    return collected


def gathered(items: Iterable[Item], size_of: Callable[[Item], int], least: int) -> Iterator[list[Item]]:
    """Groups of consecutive items, each of at least `least` in total size, except the last one."""
    group, size = list[Item](), 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if size >= least:
            yield group
            group, size = [], 0
    if group:
        yield group


def to_bytes(table: pa.Table | pa.RecordBatch) -> bytes:
    """An Arrow IPC stream; `from_bytes` reads it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_bytes(content: bytes | pa.Buffer) -> pa.Table:
    """The table of an Arrow IPC stream."""
    return pa.ipc.open_stream(content).read_all()


def partition_number() -> int:
    """The number of the partition of the running task; 0 outside of a task."""
    context = TaskContext.get()
    return 0 if context is None else context.partitionId()


@cache
def quicken_worker() -> None:
    """Skip what PySpark does around each task in this Python worker, some 100 ms of processor time.

    Before a task, PySpark clears the caches of all importers, after which the importer of its zip archive reads the
    archive's directory again; after a task, it collects garbage among all objects, those of the libraries included.
    Neither the archive nor the libraries change while a worker lives.
    """
    zipimport.zipimporter.invalidate_caches = lambda self: None  # type: ignore[method-assign]
    gc.freeze()
