"""Writes the rows of a piece into an Arrow file, with a batch of its own for each partition."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pyarrow as pa

from pipeline.arrays.tables import by_number
from pipeline.preparation.rows.partition_columns import PartitionColumns
from pipeline.preparation.rows.split import MAX_SHARDS
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.store.filesystem import naming, storage_path

_PARTITION = "partition"

BATCHES = pa.schema([("file", pa.string()), ("batch", pa.int32()), ("partition", pa.int32()), ("rows", pa.int64())])
"""The result of a writer: a row for each batch."""


class PartitionAccumulator:
    """Writes the rows of a piece that belong to a group; the result lists the batches of the file."""

    def __init__(self, folder: str, columns: PartitionColumns, groups: int) -> None:
        """Write below the URI `folder` the rows of groups 0 to `groups` - 1."""
        self._columns, self._groups = columns, groups
        self._path = storage_path(f"{folder}/{uuid4().hex}.arrow")
        self._sink: pa.NativeFile | None = None
        self._written: list[tuple[int, int]] = []

    def add(self, rows: Rows) -> None:
        """Write the rows of a batch, in order, with a separate batch for each partition."""
        group = rows.placement.of(self._columns.column)
        partition = (group * MAX_SHARDS + rows.placement.shard).astype(np.int32)
        kept = (group >= 0) & (group < self._groups)
        table = self._columns.table(rows).append_column(_PARTITION, pa.array(partition))
        table = table if kept.all() else table.filter(pa.array(kept))
        # A task's batches are large enough; sorting several at once would copy the rows once more.
        with naming(self._path):
            for number, partition_rows in by_number(table, _PARTITION).items():
                self._write(number, partition_rows)

    def result(self) -> pa.Table:
        """The batches that were written, in order."""
        if self._sink is not None:
            with naming(self._path):
                self._writer.close()
                self._sink.close()
        count = len(self._written)
        partitions, rows = zip(*self._written, strict=True) if count else ((), ())
        columns = [[self._path.uri] * count, [*range(count)], [*partitions], [*rows]]
        return pa.table(columns, schema=BATCHES)

    def _write(self, partition: int, rows: pa.Table) -> None:
        if self._sink is None:
            self._path.filesystem.create_dir(self._path.folder.path, recursive=True)
            self._sink = self._path.filesystem.open_output_stream(self._path.path)
            self._writer = pa.ipc.new_file(self._sink, rows.schema)
        self._writer.write_table(rows)
        self._written.append((partition, len(rows)))
