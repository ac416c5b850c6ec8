"""One file of a store: its rows in their order, as Parquet, and what the manifest says of it."""

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
"""In place of the number of a file: what the audit compares takes the same way as the rows."""

FILES = pa.schema(
    {"file": pa.int32(), "path": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "sha256": pa.string()}
    | {"row_groups": pa.list_(pa.int64()), "parts": pa.string(), "units": pa.binary()}
)
"""What tasks answer: of each file that they wrote, and of what the audit compares."""


def write_file(file: int, rows: pa.Table, schema: pa.Schema, uri: str, *, group_rows: int) -> pa.RecordBatch:
    """Write a file; the answer is a row of `FILES`.

    Args:
        file: its number.
        rows: its rows in the order of the source, with `ORDER` and perhaps `FILE`.
        schema: of the file.
        uri: where.
        group_rows: rows of a row group.
    """
    path = storage_path(uri)
    content, row_groups = parquet_bytes(_in_order(rows).select(schema.names).cast(schema), group_rows)
    with files.naming(path):
        files.write_bytes(path, content)
    digest, checksums = hashlib.sha256(content).hexdigest(), checksums_of(content).to_json()
    values = (file, uri, sum(row_groups), len(content), digest, row_groups, checksums, None)
    return pa.RecordBatch.from_pylist([dict(zip(FILES.names, values, strict=True))], schema=FILES)


def counted_units(units: pa.Table) -> pa.RecordBatch:
    """What the audit counted, as a row of `FILES`."""
    return pa.RecordBatch.from_pylist([{"file": AUDIT, "units": to_bytes(units)}], schema=FILES)


def parquet_bytes(rows: pa.Table, group_rows: int) -> tuple[pa.Buffer, list[int]]:
    """A Parquet file of these rows, and how many rows its row groups have."""
    # Floats hardly repeat: a dictionary is built in vain, and costs a third of the whole writing.
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
    """Sorted by `ORDER` alone: rows with an equal one are equal in all values used, unless two hashes collide.

    Of 10^7 rows a shard that happens once in 3 x 10^5 stores; such rows stay in the order of the source.
    """
    keys = rows[ORDER].to_numpy()
    order = np.argsort(keys)
    if not np.diff(keys[order]).all():
        # Slower, but equal keys stay in their order.
        order = np.argsort(keys, kind="stable")
    return rows.drop_columns([ORDER]).combine_chunks().take(pa.array(order))
