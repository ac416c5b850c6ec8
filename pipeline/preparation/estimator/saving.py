"""How a fitted model of features lies in a folder: pyspark.ml's `metadata`, and `features.json` as a store has it."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import StoreError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.listing.hadoop_files import hadoop_conf, java_message, java_path
from pipeline.store.layout import FEATURES


def write_state(spark: SparkSession, state: FittedFeatures, folder: str) -> None:
    """Write `features.json` where Spark itself resolves `folder`, so that both parts lie in one place."""
    path = java_path(spark, f"{folder.rstrip('/')}/{FEATURES}")
    stream = path.getFileSystem(hadoop_conf(spark)).create(path, False)
    try:
        stream.write(state.to_json().encode())
    finally:
        stream.close()


def read_state(spark: SparkSession, folder: str) -> FittedFeatures:
    """Read it back.

    Raises:
        StoreError: it is missing, or no such document.
    """
    location = f"{folder.rstrip('/')}/{FEATURES}"
    path = java_path(spark, location)
    try:
        stream = path.getFileSystem(hadoop_conf(spark)).open(path)
    except Py4JJavaError as error:
        raise StoreError(f"'{location}' cannot be read: {java_message(error)}. Save the model again.") from error
    try:
        return FittedFeatures.from_json(bytes(stream.readAllBytes()), location)
    finally:
        stream.close()
