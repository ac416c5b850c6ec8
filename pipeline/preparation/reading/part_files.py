"""Rows of Spark's as Parquet files of a folder, and back: by Spark, or in an object store by its Python tasks.

Spark reaches object stores by a jar that few installations have, and with settings of its own; Arrow reaches them where
the rest of a job does. An upload that fails ends as an object all the same, as long as it came to be. So each attempt
of a task writes under a name of its own and deletes what it did not end; only names in the answer of a task that Spark
counts are files of the folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from pipeline.preparation.reading.scan import partition_number
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path

SUCCESS = "_SUCCESS"
"""What Spark leaves in a folder that is complete."""

_NAMES = pa.schema([("name", pa.string())])


def write_parts(rows: DataFrame, folder: StoragePath, prefix: str = "part") -> list[str]:
    """Write into a folder, which is a fresh one but in an object store, where other files stay as they are.

    Args:
        rows: what to write.
        folder: the folder.
        prefix: what the names of an object store's files begin with.

    Returns:
        The names of the files; what else an object store has there does not count.
    """
    if folder.renames_folders:
        rows.write.parquet(folder.uri, compression="snappy")
        return [name for name in files.list_files(folder) if name.endswith(".parquet")]
    schema, uri = to_arrow_schema(rows.schema), folder.uri

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filled = (batch for batch in batches if len(batch))
        first = next(filled, None)
        if first is not None:
            name = new_name(prefix, partition_number(), "parquet")
            _write_file(chain([first], filled), storage_path(uri).child(name), schema)
            yield pa.RecordBatch.from_pylist([{"name": name}], schema=_NAMES)

    names: list[str] = rows.mapInArrow(write, from_arrow_schema(_NAMES)).toArrow()["name"].to_pylist()
    if not names:  # the columns are told all the same
        names = [new_name(prefix, 0, "parquet")]
        _write_file([], folder.child(names[0]), schema)
    return sorted(names)


def _write_file(batches: Iterable[pa.RecordBatch], path: StoragePath, schema: pa.Schema) -> None:
    with (
        ended_or_gone(path),
        pq.ParquetWriter(path.path, schema, filesystem=path.filesystem, compression="snappy") as writer,
    ):
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))


def new_name(prefix: str, partition: int, ending: str) -> str:
    """The name of a file that no other attempt of a task has; names are sorted as partitions are."""
    return f"{prefix}-{partition:05d}-{uuid4().hex}.{ending}"


@contextmanager
def ended_or_gone(path: StoragePath) -> Iterator[None]:
    """Delete an object under a name of its own that a block does not write to its end."""
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
        schema: of its files.
        names: of the files of an object store that count; none means all.
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
    """The same as `write_parts` where an object store may hold earlier files; as with Spark, `_SUCCESS` comes last."""
    files.remove_file(folder.child(SUCCESS))
    names = set(write_parts(rows, folder))
    for name in files.list_files(folder):
        if name not in names:
            files.remove_file(folder.child(name))
    files.write_bytes(folder.child(SUCCESS), b"")
