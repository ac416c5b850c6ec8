"""Samples that the pipeline brings along, each made once as a Parquet file and then read like any other source.

`bank` is generated; `iris` and `breast_cancer` are real and come with scikit-learn, their classes by name.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.bank_sample import CHUNK_ROWS, bank_chunk
from pipeline.runtime.java_process import is_local
from pipeline.schemas.document import fingerprint
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.publish import scratch

VERSION = 1
"""Goes up when a sample's content changes, so that no older file is taken for it."""


def sample_fingerprint(config: SourceConfig) -> str:
    """SHA-256 of what decides a sample's content."""
    return fingerprint([VERSION, *_identity(config)])


def make_sample(config: SourceConfig, root: StoragePath) -> StoragePath:
    """The sample's file under `<root>/samples`, made first where it is not there yet.

    An object store gets it whole, from a file of this machine.
    """
    name = "-".join([*_identity(config), f"v{VERSION}"])
    path = root.child("samples", f"{name}.parquet")
    if files.exists(path):
        return path
    with _work_folder(root) as work:
        draft = work.child("sample.parquet")
        files.make_folder(work)
        _write(draft, _bank(config) if config.sample == "bank" else _from_sklearn(str(config.sample)))
        if root.renames_folders:
            files.move(draft, path)
        else:
            files.copy_file(draft, path)
    return path


def samples_root(spark: SparkSession, root: StoragePath) -> StoragePath:
    """The root below which samples lie: a folder of this machine where Spark runs here and sees no object store."""
    if root.renames_folders or not is_local(spark.sparkContext.master or ""):
        return root
    return storage_path(f"{tempfile.gettempdir()}/pipeline-samples-{os.getuid()}")


@contextmanager
def _work_folder(root: StoragePath) -> Iterator[StoragePath]:
    if root.renames_folders:
        with scratch(root) as work:
            yield work
        return
    with tempfile.TemporaryDirectory() as folder:
        yield storage_path(folder)


def _identity(config: SourceConfig) -> tuple[str, ...]:
    """Only a generated sample depends on the number of rows and the seed."""
    generated = config.sample == "bank"
    return (str(config.sample), str(config.rows), str(config.seed)) if generated else (str(config.sample),)


def _write(path: StoragePath, batches: Iterator[pa.RecordBatch]) -> None:
    first = next(batches)
    with pq.ParquetWriter(path.path, first.schema, filesystem=path.filesystem) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _bank(config: SourceConfig) -> Iterator[pa.RecordBatch]:
    for chunk, start in enumerate(range(0, config.rows, CHUNK_ROWS)):
        yield bank_chunk(config.seed, chunk, min(CHUNK_ROWS, config.rows - start))


def _from_sklearn(name: str) -> Iterator[pa.RecordBatch]:
    # Imported here: it takes a second, and only the first use of such a sample needs it.
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    names = [column.replace(" (cm)", "").replace(" ", "_") for column in bunch.feature_names]
    classes = pa.array(bunch.target_names[bunch.target].astype(str))
    label = "species" if name == "iris" else "diagnosis"
    yield pa.record_batch([*(pa.array(column) for column in bunch.data.T), classes], [*names, label])
