"""Parquet and ORC: typed columns, of which only the requested ones are read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.files import SourceFile, escaped
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.common_columns import CommonColumns
from pipeline.preparation.reading.folder_values import spelled_folders, typed_values
from pipeline.preparation.reading.raw import SourceTable, typed_table
from pipeline.preparation.reading.source_reader import SourceReader, log_read_by_spark
from pipeline.preparation.reading.spark_types import check_typed_by_spark, parquet_columns_beyond_spark
from pipeline.preparation.reading.typed_files import TypedFiles
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources.decoding import orc as orc_files
from pipeline.sources.decoding import parquet as parquet_files
from pipeline.sources.decoding.streams import OpenFile, first_line
from pipeline.sources.decoding.typed import FileColumns, without_null_types

NAMES = {"parquet": "Parquet", "orc": "ORC"}

OPENED_AT_ONCE = 16
"""Files whose columns the driver reads at the same time, which hides the latency of remote storage."""


def columnar_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of Parquet or ORC files.

    Raises:
        DataError: the files cannot be read, or have different columns.
    """
    reader = SourceReader.of(spark, source)
    if reader.by_tasks:
        return _table_of_pieces(spark, source, reader.open_file, merged=config.merge_schema)
    return _table_of_spark(spark, source, merged=config.merge_schema)


def _table_of_pieces(spark: SparkSession, source: Source, open_file: OpenFile, *, merged: bool) -> SourceTable:
    """Read by tasks, unless a requested column has a type that Arrow does not read as Spark does."""
    file_columns = _common_columns(source, open_file, merged=merged)
    values = typed_values(spark, source)
    reason = values if isinstance(values, str) else _named_twice(source, file_columns)
    if isinstance(values, str) or reason is not None:
        log_read_by_spark(source, str(reason))
        check_typed_by_spark(source, file_columns.beyond_spark, str(reason))
        return _table_of_spark(spark, source, merged=merged)
    kinds = {**file_columns.kinds, **({} if values is None else values.kinds)}
    files = [(file.uri, file.bytes) for file in source.filled]
    typed = TypedFiles(source.format == "orc", files, open_file, file_columns, values)
    return typed.table(spark, source, kinds, lambda: _table_of_spark(spark, source, merged=merged))


def _common_columns(source: Source, open_file: OpenFile, *, merged: bool) -> FileColumns:
    """The columns of all files, which must be the same unless they are merged."""
    odd, beyond = set[str](), dict[str, str]()
    common = CommonColumns(merged)
    with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
        columns_by_file = pool.map(lambda file: _columns_of(source, open_file, file.uri), source.filled)
        for file, columns in zip(source.filled, columns_by_file, strict=True):
            common.add(file.name, columns.kinds)
            odd |= columns.odd
            beyond |= columns.beyond_spark
    return FileColumns(without_null_types(common.arrow_kinds), frozenset(odd), beyond)


def _columns_of(source: Source, open_file: OpenFile, uri: str) -> FileColumns:
    read = orc_files.read_columns if source.format == "orc" else parquet_files.read_columns
    try:
        return read(open_file, uri)
    except (pa.ArrowException, OSError) as error:
        what = f"File '{uri}' cannot be read as {NAMES[source.format]}. {first_line(error)}."
        raise DataError(f"{what} Where it is cut or damaged, restore it, or take it out of the source.") from error


def _named_twice(source: Source, file_columns: FileColumns) -> str | None:
    folders = () if source.folders is None else source.folders.names
    lowered = {name.lower() for name in file_columns.kinds}
    both = next((name for name in folders if name.lower() in lowered), None)
    return None if both is None else f"column '{both}' is in the files and in the names of their folders"


def _table_of_spark(spark: SparkSession, source: Source, *, merged: bool) -> SourceTable:
    options = {} if source.folders is None else {"basePath": source.folders.above}
    if source.format == "parquet":
        check_typed_by_spark(source, parquet_columns_beyond_spark(spark, source), "Spark reads this source")
    try:
        _check_alike(spark, source, merged=merged)
        reader = spark.read.format(source.format).options(**options, mergeSchema=merged)
        rows = reader.load([escaped(path) for path in source.paths])
        if spelled := spelled_folders(spark, source):
            kinds = [
                StructField(field.name, StringType() if field.name in spelled else field.dataType)
                for field in rows.schema.fields
            ]
            rows = reader.schema(StructType(kinds)).load([escaped(path) for path in source.paths])
        return typed_table(rows)
    except (PySparkException, Py4JJavaError) as error:
        reason = explain_spark_error(error)
        raise DataError(f"Source '{source.location}' cannot be read as {NAMES[source.format]}. {reason}") from error


def _check_alike(spark: SparkSession, source: Source, *, merged: bool) -> None:
    """Compare the files, since Spark reads all by the columns of one, with nulls for those that another one lacks."""
    files = source.filled
    if len(files) < 2:
        return

    def columns_of(file: SourceFile) -> dict[str, str]:
        rows = spark.read.format(source.format).load(escaped(file.uri))
        return {field.name: field.dataType.simpleString() for field in rows.schema.fields}

    with ThreadPoolExecutor(OPENED_AT_ONCE) as pool:
        CommonColumns.of(zip([file.name for file in files], pool.map(columns_of, files), strict=True), merged=merged)
