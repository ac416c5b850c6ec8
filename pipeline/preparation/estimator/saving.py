"""Writes and reads the `features.json` of a saved feature model, beside pyspark.ml's `metadata`."""

from __future__ import annotations

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from pipeline.errors import StoreError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.listing.hadoop_files import hadoop_conf, java_message, java_path
from pipeline.store.layout import FEATURES


def write_features(spark: SparkSession, features: FittedFeatures, folder: str) -> None:
    """Write `features.json` with Spark's own resolution of `folder`, so that both parts are in the same folder."""
    path = java_path(spark, f"{folder.rstrip('/')}/{FEATURES}")
    stream = path.getFileSystem(hadoop_conf(spark)).create(path, False)
    try:
        stream.write(features.to_json().encode())
    finally:
        stream.close()


def read_features(spark: SparkSession, folder: str) -> FittedFeatures:
    """Read `features.json`.

    Raises:
        StoreError: the file is missing or invalid.
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
