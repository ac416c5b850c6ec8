"""Writes the files of a store from kept partitions, without Spark's shuffle: each task reads the rows of its files.

    [task: partitions of a file -> stored columns -> sorted by hash -> Parquet]

The files have the same bytes as those of `shuffled.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.preparation.audit.audit_counts import UNITS, count_units
from pipeline.preparation.audit.leak_audit import Audit
from pipeline.preparation.reading.scan import quicken_worker
from pipeline.preparation.rows.partitions import Partitions, read_partitions
from pipeline.preparation.writing.store_file import FILES, counted_units, write_file
from pipeline.preparation.writing.stored_rows import StoredRows

AUDITED_ROWS = 1 << 21
"""About the number of rows that one task audits."""

MOST_AUDIT_TASKS = 8

PLACEMENT_BYTES = 8 << 20
"""Of the rows that an audit looks at together: some 300,000, whose units take ten times as much."""


def write_unshuffled(
    spark: SparkSession, partitions: Partitions, stored: StoredRows, uri_of: Callable[[int], str]
) -> DataFrame:
    """Write all files, lazily; the result has rows of `FILES`.

    Args:
        spark: the session.
        partitions: the index of all rows.
        stored: how they are stored; without sampling, and with one piece for each shard.
        uri_of: gives the URI at which a task writes a file, by its number.
    """
    filing = stored.filing
    rows = {file: partitions.count(*filing.group_and_shard(file), filing.shards) for file in range(filing.count)}
    tasks = _shared_out(rows, 2 * spark.sparkContext.defaultParallelism)
    audits = _audit_tasks(partitions, stored.audit)
    schema, group_rows = stored.schema, stored.group_rows

    def task(numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        quicken_worker()
        for number in (number for batch in numbers for number in batch.column(0).to_pylist()):
            if number >= len(tasks):
                yield counted_units(_units(partitions, stored.audit, number - len(tasks), audits))
                continue
            for file in tasks[number]:
                batches = read_partitions(partitions.batches(*filing.group_and_shard(file), filing.shards))
                tables = [stored.table(partitions.columns.rows(batch)) for batch in batches]
                yield write_file(file, pa.concat_tables(tables), schema, uri_of(file), group_rows=group_rows)

    count = len(tasks) + audits
    return spark.range(0, count, 1, count).mapInArrow(task, from_arrow_schema(FILES))


def is_much_to_audit(partitions: Partitions, audit: Audit) -> bool:
    """Whether the audit needs so many tasks, each of which reads all placements, that a shuffle is cheaper."""
    return _audit_tasks(partitions, audit) > MOST_AUDIT_TASKS


def _audit_tasks(partitions: Partitions, audit: Audit) -> int:
    """The number of tasks of the audit; each of them reads the placement of all rows."""
    return -(-int(partitions.rows.sum()) // (audit.every_one_in * AUDITED_ROWS))


def _shared_out(sizes: Mapping[int, int], count: int) -> list[list[int]]:
    """Distribute files over tasks with about equal numbers of rows; the bytes of files do not depend on it."""
    filled = {file: size for file, size in sizes.items() if size}
    shares: list[list[int]] = [[] for _ in range(min(count, len(filled)))]
    loads = [0] * len(shares)
    for file, size in sorted(filled.items(), key=lambda pair: (-pair[1], pair[0])):
        smallest = loads.index(min(loads))
        shares[smallest].append(file)
        loads[smallest] += size
    return shares


def _units(partitions: Partitions, audit: Audit, number: int, count: int) -> pa.Table:
    """The audit's counts of one part of the units."""
    tables = [UNITS.empty_table()]
    everything = (batch for file in range(len(partitions.uris)) for batch in partitions.of_file(file))
    for batch in read_partitions(everything, partitions.columns.is_placement, chunk_bytes=PLACEMENT_BYTES):
        units = audit.units(partitions.columns.placement(batch))
        tables.append(units.filter(pa.array(np.mod(units["id"].to_numpy(), count) == number)))
    return count_units(tables)
