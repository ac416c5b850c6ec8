"""Files of a store whose rows go through Spark's shuffle, on any file system.

    [task: rows -> stored columns -> a batch for each file] -> Spark brings the batches of a file together ->
    [task: batches of a file -> sorted by hash -> Parquet]

Spark moves a few rows, each of which is a whole batch; it knows nothing of what is in them.
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
"""Of stored columns that a task turns into batches at once: some three times as much is in memory then."""

_BATCHES = pa.schema(
    [("task", pa.int32()), ("file", pa.int32()), ("piece", pa.int32()), ("place", pa.int32()), ("rows", pa.binary())]
)


def write_shuffled(table: Table, stored: StoredRows, uri_of: Callable[[int], str]) -> DataFrame:
    """What writes all files, lazily: rows of `FILES`.

    Args:
        table: the rows.
        stored: how they are written.
        uri_of: where a task puts a file, by its number.
    """
    tasks = _tasks(stored.filing.count, table.scan.spark.sparkContext.defaultParallelism)
    batches = table.mapped(lambda piece, rows: _split_up(piece, rows, stored, tasks), _BATCHES)
    return _brought_together(batches, len(set(tasks))).mapInArrow(_writer(stored, uri_of), from_arrow_schema(FILES))


def _tasks(files_count: int, parallel: int) -> list[int]:
    """For each file a number that Spark's hash partitioning sends to the partition which shall write it."""
    count = min(files_count, 2 * parallel)
    numbers: dict[int, int] = {}
    candidate = 0
    while len(numbers) < count:
        numbers.setdefault(_murmur3(candidate) % count, candidate)
        candidate += 1
    return [numbers[file % count] for file in range(files_count)]


def _murmur3(value: int, seed: int = 42) -> int:
    """Spark's hash of an integer below 2^32, from -2^31 to 2^31."""
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
    """In a task: the rows of a piece, those of a file together, and what they are to the audit."""
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
    """A row for each part, by the number of its file."""
    count = len(parts)
    columns = [
        pa.array([tasks[number] for number in parts], pa.int32()),
        pa.array([*parts], pa.int32()),
        pa.array([piece] * count, pa.int32()),
        pa.array([chunk_number] * count, pa.int32()),
        pa.array([to_bytes(part) for part in parts.values()], pa.binary()),
    ]
    return pa.record_batch(columns, schema=_BATCHES)


def _brought_together(batches: DataFrame, count: int) -> DataFrame:
    """The batches of a file in one partition and in the order of the pieces."""
    return batches.repartition(count, F.col("task")).sortWithinPartitions("file", "piece", "place").drop("task")


def _writer(
    stored: StoredRows, uri_of: Callable[[int], str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """In a task: writes the files of a partition, one after the other."""
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
