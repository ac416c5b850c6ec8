"""The log of a Delta table: its latest version, and the files of a version.

Spark's own data source for Delta reads every Delta table; it is available on Databricks, and elsewhere with
`SPARK_SETTINGS`. The package deltalake reads the log without it, but not of tables whose rows do not follow from their
files alone (deletion vectors, mapped columns).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pipeline.errors import DataError, PlatformError
from pipeline.preparation.listing.catalog import quoted
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources.decoding.streams import first_line

LOG = "_delta_log"
EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
SPARK_SETTINGS = (
    "spark.conf: {spark.jars.packages: 'io.delta:delta-spark_2.13:4.0.1', "
    f"spark.sql.extensions: {EXTENSION}, "
    "spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog}"
)
PLAIN_FEATURES = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Table features that do not change how files are read."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a Delta table.

    Attributes:
        id: identifies the table, since its creation.
        version: counts the changes of the table.
    """

    id: str
    version: int


def find_snapshot(spark: SparkSession, location: str, query: str = "") -> Snapshot:
    """The latest version of a table.

    Args:
        spark: the session.
        location: the folder of the table.
        query: options of its file system.

    Raises:
        DataError: the folder is no Delta table, or cannot be opened.
        PlatformError: nothing here can read Delta.
    """
    if not spark_reads_delta(spark):
        table = open_log(location, None, query)
        return Snapshot(str(table.metadata().id), int(table.version()))
    name = f"delta.{quoted(location)}"
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {name}").first()
        latest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").first()
    except (PySparkException, Py4JJavaError) as error:
        raise unreadable(location, explain_spark_error(error)) from error
    assert detail is not None and latest is not None
    return Snapshot(str(detail["id"]), int(latest["version"]))


def spark_reads_delta(spark: SparkSession) -> bool:
    """Whether Spark's own data source for Delta is available.

    Raises:
        PlatformError: its jar is there, but its extension is not enabled.
    """
    sources = spark._jvm.org.apache.spark.sql.execution.datasources.DataSource  # type: ignore[union-attr]
    try:
        class_name = sources.lookupDataSource("delta", spark._jsparkSession.sessionState().conf()).getName()
    except Py4JJavaError:
        return False
    # Without its extension, the open-source data source would read deleted rows. Databricks has it built in.
    if class_name.startswith("org.apache.spark.") and EXTENSION not in str(spark.conf.get("spark.sql.extensions", "")):
        raise PlatformError(f"Delta's jar is there, but its Spark extension is not enabled. Set {SPARK_SETTINGS}.")
    return True


def open_log(location: str, version: int | None, query: str = "") -> Any:
    """The log of a table, read by the package deltalake.

    Raises:
        DataError: the log cannot be read.
        PlatformError: the package is not installed, or the rows do not follow from the files alone.
    """
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise PlatformError(
            f"The Delta table '{location}' cannot be read in this environment. Install the extra: pip install "
            f"'spark-keras-pipeline[delta]', or give Spark Delta's jar: {SPARK_SETTINGS}."
        ) from error
    try:
        table = DeltaTable(location.removeprefix("file:"), version=version, storage_options=_options(query))
    except (DeltaError, OSError, ValueError) as error:
        raise unreadable(location, first_line(error)) from error
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


def _options(query: str) -> dict[str, str]:
    """Options of deltalake's client, beyond those that it takes from the environment."""
    query_options = {name: values[-1] for name, values in parse_qs(query).items()}
    options = {"AWS_REGION": query_options["region"]} if "region" in query_options else {}
    if "endpoint_override" in query_options:
        scheme, _, host = query_options["endpoint_override"].rpartition("://")
        options["AWS_ENDPOINT_URL"] = f"{query_options.get('scheme') or scheme or 'https'}://{host}"
    endpoint = options.get("AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT_URL", ""))
    return options | ({"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http:") else {})


def unreadable(location: str, reason: object) -> DataError:
    """The error of a table that exists and cannot be read."""
    return DataError(f"Delta table '{location}' cannot be read. {str(reason).rstrip('.')}. Correct data.source.path.")
