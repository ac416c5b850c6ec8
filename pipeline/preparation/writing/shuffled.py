"""Writes the files of a store through Spark's shuffle, on any file system.

    [task: rows -> stored columns -> a batch for each file] -> Spark shuffles the batches by file ->
    [task: batches of a file -> sorted by hash -> Parquet]

Spark shuffles few rows, each of which is a serialized batch whose content it does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

import numpy as np
import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.arrays.tables import by_number
from pipeline.preparation.audit.audit_counts import UNITS, count_units
from pipeline.preparation.reading.scan import from_bytes, gathered, to_bytes
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.writing.store_file import AUDIT, FILES, counted_units, write_file
from pipeline.preparation.writing.stored_rows import FILE, StoredRows

CHUNK_BYTES = 64 << 20
"""Bytes of stored columns that a task divides into batches at once, which takes some three times the memory."""

_BATCHES = pa.schema(
    [("task", pa.int32()), ("file", pa.int32()), ("piece", pa.int32()), ("chunk", pa.int32()), ("rows", pa.binary())]
)


def write_shuffled(table: Table, stored: StoredRows, uri_of: Callable[[int], str]) -> DataFrame:
    """Write all files, lazily; the result has rows of `FILES`.

    Args:
        table: the rows.
        stored: how they are stored.
        uri_of: gives the URI at which a task writes a file, by its number.
    """
    tasks = _tasks(stored.filing.count, table.scan.spark.sparkContext.defaultParallelism)
    batches = table.mapped(lambda piece, rows: _split_up(piece, rows, stored, tasks), _BATCHES)
    # All batches of a file in one partition, in the order of the pieces.
    shuffled = batches.repartition(len(set(tasks)), F.col("task")).sortWithinPartitions("file", "piece", "chunk")
    return shuffled.drop("task").mapInArrow(_writer(stored, uri_of), from_arrow_schema(FILES))


def _tasks(files_count: int, parallel: int) -> list[int]:
    """A number for each file that Spark's hash partitioning assigns to the partition that is to write it."""
    count = min(files_count, 2 * parallel)
    numbers: dict[int, int] = {}
    candidate = 0
    while len(numbers) < count:
        numbers.setdefault(_murmur3(candidate) % count, candidate)
        candidate += 1
    return [numbers[file % count] for file in range(files_count)]


def _murmur3(value: int, seed: int = 42) -> int:
    """Spark's hash of an integer below 2^32, as a signed 32-bit integer."""
    mask = 0xFFFFFFFF
    mixed = value * 0xCC9E2D51 & mask
    mixed = (mixed << 15 | mixed >> 17) & mask
    result = seed ^ (mixed * 0x1B873593 & mask)
    result = (result << 13 | result >> 19) & mask
    result = (result * 5 + 0xE6546B64 & mask) ^ 4
    result = (result ^ result >> 16) * 0x85EBCA6B & mask
    result = (result ^ result >> 13) * 0xC2B2AE35 & mask
    result ^= result >> 16
    return result - (1 << 32) if result >> 31 else result


def _split_up(
    piece: int, batches: Iterable[Rows], stored: StoredRows, tasks: Sequence[int]
) -> Iterator[pa.RecordBatch]:
    """In a task: divide the rows of a piece by file, and the audit's units by task."""
    units = [UNITS.empty_table()]
    stored_tables = (_with_units(rows, stored, units) for rows in batches)
    for chunk_number, chunk in enumerate(gathered(stored_tables, attrgetter("nbytes"), CHUNK_BYTES)):
        yield _batch(piece, chunk_number, tasks, by_number(pa.concat_tables(chunk), FILE))
    partitions, units_of_piece = sorted(set(tasks)), pa.concat_tables(units)
    task_of_unit = np.mod(units_of_piece["id"].to_numpy(), len(partitions)).astype(np.int32)
    for number, own in by_number(units_of_piece.append_column("task", pa.array(task_of_unit)), "task").items():
        yield _batch(piece, 0, [partitions[number]], {AUDIT: own})


def _with_units(rows: Rows, stored: StoredRows, units: list[pa.Table]) -> pa.Table:
    units.append(stored.audit.units(rows.placement))
    return stored.table(rows)


def _batch(piece: int, chunk_number: int, tasks: Sequence[int], parts: Mapping[int, pa.Table]) -> pa.RecordBatch:
    """A row for each part, which is a table with the number of its file."""
    count = len(parts)
    columns = [
        pa.array([tasks[number] for number in parts], pa.int32()),
        pa.array([*parts], pa.int32()),
        pa.array([piece] * count, pa.int32()),
        pa.array([chunk_number] * count, pa.int32()),
        pa.array([to_bytes(part) for part in parts.values()], pa.binary()),
    ]
    return pa.record_batch(columns, schema=_BATCHES)


def _writer(
    stored: StoredRows, uri_of: Callable[[int], str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """In a task: write the files of a partition, one after the other."""
    schema, group_rows = stored.schema, stored.group_rows

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in zip(batch["file"].to_pylist(), batch["rows"], strict=True))
        for file, file_rows in groupby(rows, key=itemgetter(0)):
            parts = [from_bytes(content.as_buffer()) for _, content in file_rows]
            if file == AUDIT:
                yield counted_units(count_units(parts))
            else:
                yield write_file(file, pa.concat_tables(parts), schema, uri_of(file), group_rows=group_rows)

    return write
