"""Parquet and ORC: typed columns, of which only those that are asked for are read."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from pipeline.data.files import escaped
from pipeline.data.raw import SourceTable, typed_table
from pipeline.data.source import Source
from pipeline.errors import DataError
from pipeline.runtime.spark_errors import explain_spark_error

NAMES = {"parquet": "Parquet", "orc": "ORC"}


def columnar_table(spark: SparkSession, source: Source) -> SourceTable:
    """The columns of Parquet or ORC files.

    Raises:
        DataError: they cannot be read, or not all paths hold the same columns.
    """
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
    first = _columns(rows[0])
    for file, other in zip(source.firsts, rows, strict=True):
        found = _columns(other)
        if found != first:
            different = sorted(first ^ found)
            raise DataError(
                f"File '{file.name}' has other columns than '{source.firsts[0].name}'. "
                f"Different: {', '.join(different)}. Write them alike, or give only some as data.source.path."
            )


def _columns(rows: DataFrame) -> set[str]:
    return {f"{field.name} {field.dataType.simpleString()}" for field in rows.schema.fields}
