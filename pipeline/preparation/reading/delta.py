"""Delta tables, in the version that was the latest when the source was opened.

Tasks read the files that the log lists, like other Parquet files, and add the partition columns, whose values only the
log has. Spark's own data source for Delta reads tables whose rows do not follow from their files alone. Columns of
types that only Spark reads are read by that data source too where it is available, else by Spark from the same files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyspark.sql.functions as F
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError, PlatformError
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.listing.delta_log import open_log, spark_reads_delta, unreadable
from pipeline.preparation.listing.files import escaped
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.folder_values import FileValues
from pipeline.preparation.reading.raw import SourceTable, arrow_type, typed_table
from pipeline.preparation.reading.source_reader import SourceReader, log_read_by_spark
from pipeline.preparation.reading.typed_files import TypedFiles
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources.decoding.parquet import read_columns
from pipeline.sources.decoding.streams import OpenFile
from pipeline.sources.decoding.typed import FileColumns, is_exact

_FILE = "__file"


@dataclass(frozen=True)
class DeltaFiles:
    """One version of a table, as listed by its log.

    Attributes:
        schema: all columns, in order.
        parts: names of the partition columns, whose values are in the log.
        values: the values of the partition columns, a row for each file.
        files: URI and size in bytes of each file.
    """

    schema: StructType
    parts: tuple[str, ...]
    values: pa.Table
    files: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, location: str, log: Any) -> DeltaFiles:
        """The files that a log lists, as deltalake reads it."""
        actions = pa.table(log.get_add_actions(flatten=False))
        parts = tuple(log.metadata().partition_columns)
        uris = [_resolve(location, path) for path in actions["path"].to_pylist()]
        partition_values = actions["partition"].combine_chunks().flatten() if parts else []
        names = [field.name for field in actions.schema.field("partition").type] if parts else []
        schema = StructType.fromJson(json.loads(log.schema().to_json()))
        sizes = actions["size_bytes"].to_pylist()
        return cls(
            schema, parts, pa.table([*partition_values], names).select(parts), tuple(zip(uris, sizes, strict=True))
        )

    @property
    def kinds(self) -> dict[str, pa.DataType]:
        """The types of all columns."""
        return {field.name: arrow_type(field.dataType) for field in self.schema.fields}

    def file_values(self) -> FileValues | None:
        """The partition columns that tasks add to the rows of each file."""
        if not self.parts:
            return None
        kinds, rows = self.kinds, {uri: number for number, (uri, _) in enumerate(self.files)}
        columns = [self.values[name].combine_chunks().cast(kinds[name]) for name in self.parts]
        return FileValues(pa.RecordBatch.from_arrays(columns, [*self.parts]), rows)


def delta_table(spark: SparkSession, source: Source, _: SourceConfig) -> SourceTable:
    """The columns of one version of a table.

    Raises:
        DataError: the table cannot be opened.
        PlatformError: the table cannot be read in this environment.
    """
    try:
        log = open_log(source.location, source.version, source.query)
    except (DataError, PlatformError) as error:
        if not spark_reads_delta(spark):
            raise
        log_read_by_spark(source, f"the package deltalake cannot serve its log ({str(error).rstrip('.')})")
        return _table_of_spark(spark, source, None)
    delta_files = DeltaFiles.of(source.location, log)
    reader = SourceReader.of(spark, source, [uri for uri, _ in delta_files.files])
    if not reader.by_tasks or not delta_files.files:
        return _table_of_spark(spark, source, delta_files)
    return _table_of_pieces(spark, source, delta_files, reader.open_file)


def _table_of_pieces(spark: SparkSession, source: Source, delta_files: DeltaFiles, open_file: OpenFile) -> SourceTable:
    kinds, values = delta_files.kinds, delta_files.file_values()
    first = read_columns(open_file, delta_files.files[0][0])
    odd = first.odd | {name for name, kind in kinds.items() if not is_exact(kind)}
    file_columns = FileColumns({name: kind for name, kind in kinds.items() if name not in delta_files.parts}, odd)
    files = TypedFiles(False, delta_files.files, open_file, file_columns, values)
    return files.table(spark, source, kinds, lambda: _table_of_spark(spark, source, delta_files))


def _table_of_spark(spark: SparkSession, source: Source, delta_files: DeltaFiles | None) -> SourceTable:
    """Read by Spark's data source for Delta, or without it from the files of the log."""
    try:
        if delta_files is None or spark_reads_delta(spark):
            rows = spark.read.format("delta").option("versionAsOf", source.version).load(source.location)
            return typed_table(rows)
        return typed_table(_listed_rows(spark, delta_files))
    except (PySparkException, Py4JJavaError) as error:
        raise unreadable(source.location, explain_spark_error(error)) from error


def _listed_rows(spark: SparkSession, delta_files: DeltaFiles) -> DataFrame:
    """The rows of the files that a log lists, with the partition columns."""
    if not delta_files.files:
        return spark.createDataFrame([], delta_files.schema)
    stored = StructType([field for field in delta_files.schema.fields if field.name not in delta_files.parts])
    rows = spark.read.schema(stored).parquet(*(escaped(uri) for uri, _ in delta_files.files))
    return _with_parts(spark, rows, delta_files) if delta_files.parts else rows


def _with_parts(spark: SparkSession, rows: DataFrame, delta_files: DeltaFiles) -> DataFrame:
    """Rows with the partition columns of their file; folder names have these values too, in more than one notation."""
    names = [uri.rpartition("/")[2] for uri, _ in delta_files.files]
    if len(set(names)) < len(names):
        raise DataError("Two files of the Delta table have one name. Rewrite the table (OPTIMIZE).")
    values = zip(*(delta_files.values[name].to_pylist() for name in delta_files.parts), strict=True)
    listed = [(name, *row) for name, row in zip(names, values, strict=True)]
    fields = [StructField(_FILE, StringType()), *(delta_files.schema[name] for name in delta_files.parts)]
    values_by_file = spark.createDataFrame(listed, StructType(fields))
    joined = rows.withColumn(_FILE, F.col("_metadata.file_name")).join(F.broadcast(values_by_file), _FILE)
    return joined.select(*(quoted(name) for name in delta_files.schema.names))


def _resolve(location: str, path: str) -> str:
    """The URI of a file of the log, whose path is URL-encoded and either absolute or relative to the table."""
    plain = unquote(path)
    return plain if ":/" in path or path.startswith("/") else f"{location}/{plain}"
