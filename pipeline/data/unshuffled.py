"""Files of a store whose rows lie in partitions: whoever writes a file reads its rows, and none go through Spark.

    [task: partitions of a file -> stored columns -> sorted by hash -> Parquet]

The bytes are those of `shuffled.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.data.audit import THINGS, Audit, count_things
from pipeline.data.partitions import Partitions, read_partitions
from pipeline.data.scan import quicken_worker
from pipeline.data.store_file import FILES, counted_things, write_file
from pipeline.data.stored_rows import StoredRows

AUDITED_ROWS = 1 << 21
"""So many rows has a task to compare, about."""


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
    batches = {file: [*partitions.batches(*filing.place(file), filing.shards)] for file in range(filing.count)}
    rows = {file: sum(batch.rows for batch in own) for file, own in batches.items() if own}
    tasks = _shared_out(rows, 2 * spark.sparkContext.defaultParallelism)
    audits = -(-sum(rows.values()) // (stored.audit.every_one_in * AUDITED_ROWS))
    schema, group_rows = stored.schema, stored.group_rows

    def task(numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        quicken_worker()
        for number in (number for batch in numbers for number in batch.column(0).to_pylist()):
            if number >= len(tasks):
                yield counted_things(_things(partitions, stored.audit, number - len(tasks), audits))
                continue
            for file in tasks[number]:
                made = [stored.table(partitions.columns.rows(batch)) for batch in read_partitions(batches[file])]
                yield write_file(file, pa.concat_tables(made), schema, uri_of(file), group_rows=group_rows)

    count = len(tasks) + audits
    return spark.range(0, count, 1, count).mapInArrow(task, from_arrow_schema(FILES))


def _shared_out(sizes: Mapping[int, int], count: int) -> list[list[int]]:
    """Files for each task, which all have about as many rows to write; their bytes do not depend on it."""
    shares: list[list[int]] = [[] for _ in range(min(count, len(sizes)))]
    loads = [0] * len(shares)
    for file, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        least = loads.index(min(loads))
        shares[least].append(file)
        loads[least] += size
    return shares


def _things(partitions: Partitions, audit: Audit, number: int, count: int) -> pa.Table:
    """What the audit counts of one part of all that it compares."""
    met = [THINGS.empty_table()]
    for batch in read_partitions(chain.from_iterable(partitions.files), partitions.columns.is_place):
        things = audit.things(partitions.columns.places(batch))
        met.append(things.filter(pa.array(np.mod(things["id"].to_numpy(), count) == number)))
    return count_things(met)
