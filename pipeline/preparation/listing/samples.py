"""Sample data sets of the pipeline, written once as Parquet files and then read like any other source.

`bank` is generated; `iris` and `breast_cancer` are real and come with scikit-learn, with class names as labels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.errors import PlatformError
from pipeline.preparation.listing.bank_sample import CHUNK_ROWS, bank_chunk
from pipeline.runtime.java_process import is_local
from pipeline.schemas.document import fingerprint
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.large_files import copy_file
from pipeline.store.private import temporary_folder
from pipeline.store.publish import scratch

VERSION = 1
"""To be increased when the content of a sample changes, so that older files are not used for it."""


def sample_fingerprint(config: SourceConfig) -> str:
    """SHA-256 of everything that determines the content of a sample."""
    return fingerprint([VERSION, *_identity(config)])


def make_sample(config: SourceConfig, root: StoragePath) -> StoragePath:
    """The sample's file under `<root>/samples`, written first where it does not exist.

    An object store receives it complete, as a copy of a local file.
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
            copy_file(draft, path)
    return path


def samples_root(spark: SparkSession, root: StoragePath) -> StoragePath:
    """The root of the samples: a local folder where Spark runs locally and cannot read the object store.

    Raises:
        PlatformError: that folder is not this user's alone.
    """
    if root.renames_folders or not is_local(spark.sparkContext.master or ""):
        return root
    try:
        return storage_path(str(temporary_folder("samples")))
    except OSError as error:
        raise PlatformError(f"The sample cannot be kept on this machine: {error}.") from error


@contextmanager
def _work_folder(root: StoragePath) -> Iterator[StoragePath]:
    if root.renames_folders:
        with scratch(root) as work:
            yield work
        return
    with tempfile.TemporaryDirectory() as folder:
        yield storage_path(folder)


def _identity(config: SourceConfig) -> tuple[str, ...]:
    """What distinguishes samples; only a generated one depends on the number of rows and the seed."""
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
