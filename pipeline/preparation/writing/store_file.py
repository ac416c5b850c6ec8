"""Writes one file of a store, its rows sorted, as Parquet; returns the file's entry for the manifest."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.preparation.reading.scan import to_bytes
from pipeline.preparation.writing.stored_rows import ORDER
from pipeline.store import filesystem as files
from pipeline.store.checksums import checksums_of
from pipeline.store.filesystem import storage_path
from pipeline.store.pages import WRITE_CHECKED

AUDIT = -1
"""In place of the number of a file: the audit's units, which are shuffled like the rows."""

FILES = pa.schema(
    {"file": pa.int32(), "path": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "sha256": pa.string()}
    | {"row_groups": pa.list_(pa.int64()), "parts": pa.string(), "units": pa.binary()}
)
"""The results of tasks: a row for each file, and one with the counts of the audit."""


def write_file(file: int, rows: pa.Table, schema: pa.Schema, uri: str, *, group_rows: int) -> pa.RecordBatch:
    """Write a file; returns a row of `FILES`.

    Args:
        file: the number of the file.
        rows: its rows in the order of the source, with `ORDER` and perhaps `FILE`.
        schema: the schema of the file.
        uri: the URI to write.
        group_rows: number of rows of a row group.
    """
    path = storage_path(uri)
    content, row_groups = parquet_bytes(_in_order(rows).select(schema.names).cast(schema), group_rows)
    with files.naming(path):
        files.write_bytes(path, content)
    digest, checksums = hashlib.sha256(content).hexdigest(), checksums_of(content).to_json()
    values = (file, uri, sum(row_groups), len(content), digest, row_groups, checksums, None)
    return pa.RecordBatch.from_pylist([dict(zip(FILES.names, values, strict=True))], schema=FILES)


def counted_units(units: pa.Table) -> pa.RecordBatch:
    """The audit's counts, as a row of `FILES`."""
    return pa.RecordBatch.from_pylist([{"file": AUDIT, "units": to_bytes(units)}], schema=FILES)


def parquet_bytes(rows: pa.Table, group_rows: int) -> tuple[pa.Buffer, list[int]]:
    """The content of a Parquet file, and the number of rows of each row group."""
    # Floats hardly repeat: their dictionaries would save nothing, and take a third of the writing time.
    repeated = [field.name for field in rows.schema if field.type == pa.int32()]
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        row_group_size=group_rows,
        compression="snappy",
        use_dictionary=repeated,
        **WRITE_CHECKED,
        store_schema=False,
    )
    return sink.getvalue(), [min(group_rows, len(rows) - start) for start in range(0, len(rows), group_rows)]


def _in_order(rows: pa.Table) -> pa.Table:
    """Sort by `ORDER` alone: rows with the same are equal in all used values, unless two hashes collide.

    With 10^7 rows in a shard, that happens once in 3 x 10^5 stores; such rows stay in the order of the source.
    """
    keys = rows[ORDER].to_numpy()
    order = np.argsort(keys)
    if not np.diff(keys[order]).all():
        # Slower, but keeps the order of equal keys.
        order = np.argsort(keys, kind="stable")
    return rows.drop_columns([ORDER]).combine_chunks().take(pa.array(order))
