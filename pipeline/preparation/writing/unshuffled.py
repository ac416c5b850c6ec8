"""Files of a store whose rows lie in partitions: whoever writes a file reads its rows, and none go through Spark.

    [task: partitions of a file -> stored columns -> sorted by hash -> Parquet]

The bytes are those of `shuffled.py`.
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
"""About how many rows one task compares."""

MOST_AUDIT_TASKS = 8


def write_unshuffled(
    spark: SparkSession, partitions: Partitions, stored: StoredRows, uri_of: Callable[[int], str]
) -> DataFrame:
    """What writes all files, lazily: rows of `FILES`.

    Args:
        spark: the session.
        partitions: all rows.
        stored: how they are written; not sampled, a piece a shard.
        uri_of: where a task puts a file, by its number.
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
    """Whether so many tasks would compare rows that Spark had better bring together what each compares."""
    return _audit_tasks(partitions, audit) > MOST_AUDIT_TASKS


def _audit_tasks(partitions: Partitions, audit: Audit) -> int:
    """How many tasks compare what the audit looks at; each of them reads where all rows belong."""
    return -(-int(partitions.rows.sum()) // (audit.every_one_in * AUDITED_ROWS))


def _shared_out(sizes: Mapping[int, int], count: int) -> list[list[int]]:
    """Files for each task, which all have about as many rows to write; their bytes do not depend on it."""
    filled = {file: size for file, size in sizes.items() if size}
    shares: list[list[int]] = [[] for _ in range(min(count, len(filled)))]
    loads = [0] * len(shares)
    for file, size in sorted(filled.items(), key=lambda pair: (-pair[1], pair[0])):
        smallest = loads.index(min(loads))
        shares[smallest].append(file)
        loads[smallest] += size
    return shares


def _units(partitions: Partitions, audit: Audit, number: int, count: int) -> pa.Table:
    """What the audit counts of one part of all that it compares."""
    tables = [UNITS.empty_table()]
    everything = (batch for file in range(len(partitions.uris)) for batch in partitions.of_file(file))
    for batch in read_partitions(everything, partitions.columns.is_placement):
        units = audit.units(partitions.columns.placement(batch))
        tables.append(units.filter(pa.array(np.mod(units["id"].to_numpy(), count) == number)))
    return count_units(tables)
