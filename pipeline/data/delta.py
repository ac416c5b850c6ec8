"""Delta tables, one version of them: the one that was there when the source was opened.

Two ways lead to the rows. Spark's own data source for Delta reads everything that Delta can hold; it is there on
Databricks, and elsewhere with the settings of `SPARK_SETTINGS`. Without it, the package deltalake reads the table's
log and Spark the Parquet files that the log lists; tables whose files do not tell the rows by themselves (deletion
vectors, mapped columns) are refused then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyspark.sql.functions as F
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from pipeline.data.files import escaped
from pipeline.data.raw import SourceTable, quoted, typed_table
from pipeline.errors import DataError, PlatformError
from pipeline.runtime.spark_errors import explain_spark_error

LOG = "_delta_log"
EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
SPARK_SETTINGS = (
    "spark.conf: {spark.jars.packages: 'io.delta:delta-spark_2.13:4.0.1', "
    f"spark.sql.extensions: {EXTENSION}, "
    "spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog}"
)
PLAIN_FEATURES = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Features of a table that leave its files to be read as they are."""

_FILE = "__file"


@dataclass(frozen=True)
class Snapshot:
    """What identifies a table's content.

    Attributes:
        id: of the table, made when it was created.
        version: goes up by one with each change.
    """

    id: str
    version: int


def find_snapshot(spark: SparkSession, location: str) -> Snapshot:
    """The latest version of a table.

    Raises:
        DataError: it is no Delta table, or cannot be opened.
        PlatformError: nothing here can read Delta.
    """
    if not spark_reads_delta(spark):
        table = _open_log(location, None)
        return Snapshot(str(table.metadata().id), int(table.version()))
    name = f"delta.{quoted(location)}"
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {name}").first()
        latest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").first()
    except (PySparkException, Py4JJavaError) as error:
        raise _unreadable(location, explain_spark_error(error)) from error
    assert detail is not None and latest is not None
    return Snapshot(str(detail["id"]), int(latest["version"]))


def delta_table(spark: SparkSession, location: str, version: int | None) -> SourceTable:
    """The columns of one version of a table.

    Raises:
        DataError: it cannot be opened.
        PlatformError: nothing here can read it.
    """
    try:
        if spark_reads_delta(spark):
            return typed_table(spark.read.format("delta").option("versionAsOf", version).load(location))
        return typed_table(_listed_rows(spark, location, _open_log(location, version)))
    except (PySparkException, Py4JJavaError) as error:
        raise _unreadable(location, explain_spark_error(error)) from error


def spark_reads_delta(spark: SparkSession) -> bool:
    """Whether Spark's own data source for Delta is there.

    Raises:
        PlatformError: its jar is, but not its extension.
    """
    sources = spark._jvm.org.apache.spark.sql.execution.datasources.DataSource  # type: ignore[union-attr]
    try:
        found = sources.lookupDataSource("delta", spark._jsparkSession.sessionState().conf()).getName()
    except Py4JJavaError:
        return False
    # Without its extension, the open-source one would read rows that are deleted. Databricks has it built in.
    if found.startswith("org.apache.spark.") and EXTENSION not in str(spark.conf.get("spark.sql.extensions", "")):
        raise PlatformError(f"Delta's jar is there, but Spark was not told to use it. Set {SPARK_SETTINGS}.")
    return True


def _open_log(location: str, version: int | None) -> Any:
    """The log of a table, read by the package deltalake."""
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise PlatformError(
            f"Nothing here can read the Delta table '{location}'. Install the extra: pip install "
            f"'spark-keras-pipeline[delta]', or give Spark Delta's jar: {SPARK_SETTINGS}."
        ) from error
    try:
        table = DeltaTable(location.removeprefix("file:"), version=version)
    except (DeltaError, OSError, ValueError) as error:
        raise _unreadable(location, str(error).splitlines()[0]) from error
    _refuse_features(location, table)
    return table


def _refuse_features(location: str, table: Any) -> None:
    protocol = table.protocol()
    features = set(protocol.reader_features or ()) - PLAIN_FEATURES
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if features:
        raise PlatformError(
            f"The Delta table '{location}' needs {', '.join(sorted(features))}, which only Delta's own data source "
            f"reads. Set {SPARK_SETTINGS}."
        )


def _listed_rows(spark: SparkSession, location: str, table: Any) -> DataFrame:
    """The rows of the files that a log lists, with the columns that the log alone knows."""
    schema = StructType.fromJson(json.loads(table.schema().to_json()))
    parts = list(table.metadata().partition_columns)
    files = _live_files(location, table, parts)
    stored = StructType([field for field in schema.fields if field.name not in parts])
    rows = spark.read.schema(stored).parquet(*(escaped(path) for path in files)) if files else None
    if rows is None:
        return spark.createDataFrame([], schema)
    if not parts:
        return rows
    return _with_parts(spark, rows, files, StructType([schema[name] for name in parts])).select(
        *(quoted(name) for name in schema.names)
    )


def _live_files(location: str, table: Any, parts: list[str]) -> dict[str, tuple[Any, ...]]:
    """The values of partition columns by file."""
    columns = table.get_add_actions(flatten=False)
    paths = columns.column("path").to_pylist()
    values = columns.column("partition").to_pylist() if parts else [{}] * len(paths)
    return {
        _resolve(location, path): tuple(found[name] for name in parts)
        for path, found in zip(paths, values, strict=True)
    }


def _resolve(location: str, path: str) -> str:
    """A file of the log: relative to the table, or somewhere else; its name is encoded as in a URL."""
    plain = unquote(path)
    return plain if ":/" in path or path.startswith("/") else f"{location}/{plain}"


def _with_parts(
    spark: SparkSession, rows: DataFrame, files: dict[str, tuple[Any, ...]], schema: StructType
) -> DataFrame:
    """Rows with the values of their file; names of folders tell them too, but are written in more than one way."""
    names = [path.rpartition("/")[2] for path in files]
    if len(set(names)) < len(names):
        raise DataError("Two files of the Delta table have one name. Rewrite the table (OPTIMIZE).")
    listed = [(name, *values) for name, values in zip(names, files.values(), strict=True)]
    known = spark.createDataFrame(listed, StructType([StructField(_FILE, StringType()), *schema.fields]))
    return rows.withColumn(_FILE, F.col("_metadata.file_name")).join(F.broadcast(known), _FILE)


def _unreadable(location: str, reason: object) -> DataError:
    return DataError(f"Delta table '{location}' cannot be read. {str(reason).rstrip('.')}. Correct data.source.path.")
