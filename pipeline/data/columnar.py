"""Parquet and ORC: typed columns, of which only those that are asked for are read."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyarrow import orc
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from pipeline.data.files import escaped
from pipeline.data.piece_scan import PieceScan
from pipeline.data.raw import RawColumns, RawTable, SourceTable, typed_table
from pipeline.data.road import Road, open_file, tell_road
from pipeline.data.source import Source
from pipeline.errors import SHOWN_AT_MOST, DataError
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources import orc as orc_files
from pipeline.sources import parquet as parquet_files

NAMES = {"parquet": "Parquet", "orc": "ORC"}


def columnar_table(spark: SparkSession, source: Source) -> SourceTable:
    """The columns of Parquet or ORC files.

    Raises:
        DataError: they cannot be read, or not all paths hold the same columns.
    """
    return _table_of_pieces(spark, source) if Road.of(source).by_tasks else _table_of_spark(spark, source)


def _table_of_pieces(spark: SparkSession, source: Source) -> SourceTable:
    """Read by tasks themselves, unless a column that is wanted has a type that only Spark reads as Spark does."""
    schemas = [(file.name, _schema(source, file.uri)) for file in source.firsts]
    first, schema = schemas[0]
    for name, other in schemas[1:]:
        _check_columns((first, _columns(schema)), (name, _columns(other)))
    kinds = {field.name: field.type for field in schema}

    def read(wanted: Sequence[str]) -> RawTable:
        own = {name: kinds[name] for name in wanted}
        odd = [f"'{name}' ({kind})" for name, kind in own.items() if not _is_plain(kind)]
        if odd:
            tell_road(source, f"types other than numbers, texts, dates and times: {', '.join(odd[:SHOWN_AT_MOST])}")
            return _table_of_spark(spark, source).read(wanted)
        return RawTable(RawColumns(tuple(wanted), own), _scan(spark, source, pa.schema([*own.items()])))

    return SourceTable(tuple(schema.names), kinds, is_text=False, reader=read)


def _schema(source: Source, uri: str) -> pa.Schema:
    try:
        with open_file(uri) as stream:
            schema = orc.ORCFile(stream).schema if source.format == "orc" else pq.read_schema(stream)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"Source '{source.location}' cannot be read as {NAMES[source.format]}. {reason}.") from error
    return pa.schema([(field.name, _plain_type(field.type)) for field in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Without what only tells how values are kept."""
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    return pa.string() if str(kind) in ("large_string", "string_view") else kind


def _scan(spark: SparkSession, source: Source, columns: pa.Schema) -> PieceScan:
    files = [(file.uri, file.bytes) for file in source.files if file.bytes]
    if source.format == "orc":
        tasks = orc_files.plan_pieces(files, lambda uri: orc_files.count_stripes(open_file, uri))
        return PieceScan(spark, tasks, lambda piece: orc_files.read_piece(open_file, piece, columns))
    return PieceScan(
        spark, parquet_files.plan_pieces(files), lambda piece: parquet_files.read_piece(open_file, piece, columns)
    )


def _is_plain(kind: pa.DataType) -> bool:
    """Whether Arrow reads a type exactly as Spark does."""
    if pa.types.is_timestamp(kind):
        return kind.unit in ("ms", "us")
    known = (pa.types.is_boolean, pa.types.is_signed_integer, pa.types.is_string, pa.types.is_date32)
    return kind in (pa.float32(), pa.float64()) or any(check(kind) for check in known)


def _table_of_spark(spark: SparkSession, source: Source) -> SourceTable:
    options = {} if source.folders is None else {"basePath": source.folders.above}
    try:
        _check_alike(spark, source)
        reader = spark.read.format(source.format).options(**options)
        return typed_table(reader.load([escaped(path) for path in source.paths]))
    except (PySparkException, Py4JJavaError) as error:
        reason = explain_spark_error(error)
        raise DataError(f"Source '{source.location}' cannot be read as {NAMES[source.format]}. {reason}") from error


def _check_alike(spark: SparkSession, source: Source) -> None:
    """Spark takes the columns of one file for all, and null for what another one lacks."""
    if len(source.firsts) < 2:
        return
    rows = [spark.read.format(source.format).load(escaped(file.uri)) for file in source.firsts]
    for file, other in zip(source.firsts, rows, strict=True):
        _check_columns((source.firsts[0].name, _spark_columns(rows[0])), (file.name, _spark_columns(other)))


def _check_columns(first: tuple[str, set[str]], other: tuple[str, set[str]]) -> None:
    if other[1] != first[1]:
        different = sorted(first[1] ^ other[1])
        raise DataError(
            f"File '{other[0]}' has other columns than '{first[0]}'. "
            f"Different: {', '.join(different)}. Write them alike, or give only some as data.source.path."
        )


def _columns(schema: pa.Schema) -> set[str]:
    return {f"{field.name} {field.type}" for field in schema}


def _spark_columns(rows: DataFrame) -> set[str]:
    return {f"{field.name} {field.dataType.simpleString()}" for field in rows.schema.fields}
