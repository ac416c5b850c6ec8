"""Writes rows of a data frame as Parquet files of a folder, and reads them: by Spark, or in object stores by its tasks.

Spark needs a jar and settings of its own for object stores, which few installations have; Arrow reaches them with those
of the job. Concurrent or repeated attempts of a task must not share a file, and a failed upload may leave a partial
object. So each attempt writes under a unique name and deletes what it did not complete; only files named in the result
of a task that Spark accepts belong to the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from pipeline.preparation.reading.scan import gathered, partition_number
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path

SUCCESS = "_SUCCESS"
"""The file that Spark writes into a complete folder."""
GROUP_BYTES = 32 << 20
"""Of a row group that a task writes, about, in memory."""
SNAPPY: Mapping[str, Any] = {"compression": "snappy"}

_NAMES = pa.schema([("name", pa.string())])


def write_parts(rows: DataFrame, folder: StoragePath, prefix: str = "part") -> list[str]:
    """Write rows into a folder, which must not exist, except in an object store, where other files stay untouched.

    Args:
        rows: the rows.
        folder: the folder.
        prefix: prefix of the file names in an object store.

    Returns:
        The names of the files; an object store may hold others there, which do not belong to the rows.
    """
    if folder.renames_folders:
        rows.write.parquet(folder.uri, compression="snappy")
        return [name for name in files.list_files(folder) if name.endswith(".parquet")]
    return write_parts_by_tasks(rows, folder, prefix)


def write_parts_by_tasks(
    rows: DataFrame, folder: StoragePath, prefix: str = "part", options: Mapping[str, Any] = SNAPPY
) -> list[str]:
    """Write rows into a folder by Python tasks, a file for each partition that has rows, and at least one file.

    Args:
        rows: the rows.
        folder: the folder; other files of an object store stay untouched.
        prefix: prefix of the file names.
        options: of pyarrow's `ParquetWriter`.

    Returns:
        The names of the files.
    """
    schema, uri = to_arrow_schema(rows.schema), folder.uri

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filled = (batch for batch in batches if len(batch))
        first = next(filled, None)
        if first is not None:
            name = new_name(prefix, partition_number(), "parquet")
            _write_file(chain([first], filled), storage_path(uri).child(name), schema, options)
            yield pa.RecordBatch.from_pylist([{"name": name}], schema=_NAMES)

    names: list[str] = rows.mapInArrow(write, from_arrow_schema(_NAMES)).toArrow()["name"].to_pylist()
    if not names:  # one empty file keeps the schema
        names = [new_name(prefix, 0, "parquet")]
        _write_file([], folder.child(names[0]), schema, options)
    return sorted(names)


def _write_file(
    batches: Iterable[pa.RecordBatch], path: StoragePath, schema: pa.Schema, options: Mapping[str, Any] = SNAPPY
) -> None:
    with (
        ended_or_gone(path),
        pq.ParquetWriter(path.path, schema, filesystem=path.filesystem, **options) as writer,
    ):
        for group in gathered(batches, lambda batch: batch.nbytes, GROUP_BYTES):
            rows = pa.Table.from_batches(group).cast(schema)
            writer.write_table(rows, row_group_size=len(rows))


def new_name(prefix: str, partition: int, ending: str) -> str:
    """A file name that no other attempt of a task uses; names sort in the order of the partitions."""
    return f"{prefix}-{partition:05d}-{uuid4().hex}.{ending}"


@contextmanager
def ended_or_gone(path: StoragePath) -> Iterator[None]:
    """Delete an object with a unique name that the block does not write completely."""
    try:
        yield
    except BaseException:
        files.remove_file(path)
        raise


def read_parts(spark: SparkSession, folder: StoragePath, schema: pa.Schema, names: Sequence[str] = ()) -> DataFrame:
    """The rows of a folder.

    Args:
        spark: the session.
        folder: the folder.
        schema: the schema of its files.
        names: the files of an object store that belong to the rows; empty means all.
    """
    kinds = from_arrow_schema(schema, prefer_timestamp_ntz=True)
    if folder.renames_folders:
        return spark.read.schema(kinds).parquet(folder.uri)
    chosen = list(names) or [name for name in files.list_files(folder) if name.endswith(".parquet")]
    uri = folder.uri

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        root = storage_path(uri)
        for names_batch in batches:
            for name in names_batch["name"].to_pylist():
                with root.filesystem.open_input_file(root.child(name).path) as stream:
                    for batch in pq.ParquetFile(stream).iter_batches(columns=schema.names):
                        yield from pa.Table.from_batches([batch]).cast(schema).to_batches()

    listed = spark.createDataFrame(pa.table({"name": chosen}, schema=_NAMES))
    return listed.repartition(max(min(len(chosen), spark.sparkContext.defaultParallelism), 1)).mapInArrow(read, kinds)


def replace_parts(rows: DataFrame, folder: StoragePath) -> None:
    """Like `write_parts`, but deletes earlier files of an object store; as with Spark, `_SUCCESS` is written last."""
    files.remove_file(folder.child(SUCCESS))
    names = set(write_parts(rows, folder))
    for name in files.list_files(folder):
        if name not in names:
            files.remove_file(folder.child(name))
    files.write_bytes(folder.child(SUCCESS), b"")
