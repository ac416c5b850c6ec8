"""Columns of Parquet files that Spark cannot read, named before Spark is asked, since its own message names none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import DataError, Problem, gather
from pipeline.preparation.listing.hadoop_files import hadoop_conf, java_path
from pipeline.preparation.listing.source import Source

_FIELD = re.compile(r"^  (?:optional|required) int(?:32|64) (?P<name>.+) \((?P<type>(?:TIME\(|TIMESTAMP\(NANOS).*)\);$")
"""A column of the outermost level with a time of day, or a time in nanoseconds, as Java prints schemas of Parquet."""
REMEDY = (
    "Write times as microseconds (pandas: df.to_parquet(path, coerce_timestamps='us', "
    "allow_truncated_timestamps=True)), times of day as text, and distinct names; or leave the column out of the files"
)


def check_typed_by_spark(source: Source, reasons: Mapping[str, str], why: str) -> None:
    """Check that Spark can read a source.

    Args:
        source: the source.
        reasons: why it cannot read some columns.
        why: why Spark must read it.

    Raises:
        DataError: naming these columns.
    """
    problems = [Problem(f"Column '{name}' cannot be read: {reason}", remedy=REMEDY) for name, reason in reasons.items()]
    if problems:
        title = f"Source '{source.location}' has columns that Spark cannot read ({why})"
        raise DataError(f"{gather(title, problems)}" if len(problems) > 1 else f"{title}. {problems[0]}")


def parquet_columns_beyond_spark(spark: SparkSession, source: Source) -> dict[str, str]:
    """The columns of Parquet files that Spark cannot read, and why; none where the footers cannot be read by Java."""
    reasons: dict[str, str] = {}
    try:
        for file in source.filled:
            reasons |= _unreadable_fields(_schema_lines(spark, file.uri))
    except Py4JError:
        # Spark's own reader says what is wrong with the file.
        return reasons
    return reasons


def _schema_lines(spark: SparkSession, uri: str) -> list[str]:
    """The schema of a file as Java prints it, a field a line."""
    hadoop = spark._jvm.org.apache.parquet.hadoop  # type: ignore[union-attr]
    file = hadoop.util.HadoopInputFile.fromPath(java_path(spark, uri), hadoop_conf(spark))
    reader = hadoop.ParquetFileReader.open(file)
    try:
        return str(reader.getFileMetaData().getSchema().toString()).splitlines()
    finally:
        reader.close()


def _unreadable_fields(lines: Iterable[str]) -> dict[str, str]:
    fields = [match for line in lines if (match := _FIELD.match(line)) is not None]
    return {match["name"]: f"it has type {match['type']}" for match in fields}
