"""The files of an output: Parquet, CSV, or a Delta table, which is Parquet with a log."""

from __future__ import annotations

from importlib.util import find_spec

from pyspark.sql import SparkSession

from pipeline.data.delta_log import SPARK_SETTINGS, spark_reads_delta
from pipeline.data.raw import quoted
from pipeline.errors import PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root


def check_format(spark: SparkSession, output: Root, format: str) -> None:
    """Make sure that a format can be written here.

    Raises:
        PlatformError: it is Delta, and nothing here writes that.
    """
    if format != "delta" or spark_reads_delta(spark):
        return
    if find_spec("deltalake") is None or not output.is_local:
        raise PlatformError(
            f"Nothing here can write the Delta table '{output.path}'. Set score.format: parquet; or give Spark Delta's "
            f"jar: {SPARK_SETTINGS}; or, for a local path, pip install 'spark-keras-pipeline[delta]'."
        )


def convert(spark: SparkSession, parts: Root, place: Root, format: str) -> None:
    """Give a folder of Parquet files the format that was asked for, at a place beside it."""
    if format == "csv":
        # As RFC 4180 has it. Spark's own defaults escape quotes by backslashes and strip spaces.
        spark.read.parquet(parts.uri).write.csv(
            place.uri, header=True, escape='"', ignoreLeadingWhiteSpace=False, ignoreTrailingWhiteSpace=False
        )
        files.remove_folder(parts)
        return
    files.move(parts, place)
    if format == "delta":
        _make_delta(spark, place)


def _make_delta(spark: SparkSession, place: Root) -> None:
    """Give a folder of Parquet files the log of a Delta table; paths in it are relative, so the folder may move."""
    if spark_reads_delta(spark):
        spark.sql(f"CONVERT TO DELTA parquet.{quoted(place.uri)}")
        return
    from deltalake import convert_to_deltalake

    convert_to_deltalake(place.path)
