"""Who reads the files of a source: Spark's Python tasks with Arrow, which is faster, or Spark itself.

Tasks read whatever Arrow's file systems can open; Spark reads what only Spark can open or interpret.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.errors import DataError
from pipeline.formatting import counted
from pipeline.preparation.listing.files import SourceFile
from pipeline.preparation.listing.hadoop_files import read_head
from pipeline.preparation.listing.source import Source
from pipeline.sources.decoding.compressed import decompressed, is_unknown_to_spark
from pipeline.sources.decoding.header import HEAD_BYTES
from pipeline.sources.decoding.remote import FileOpener
from pipeline.sources.decoding.streams import first_line, naming

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceReader:
    """Who reads the files of a source.

    Attributes:
        reason: why Spark reads them; None where tasks do.
        open_file: opens a file in a task or in the driver; plain data.
    """

    reason: str | None
    open_file: FileOpener

    @classmethod
    def of(cls, spark: SparkSession, source: Source, uris: Sequence[str] = ()) -> SourceReader:
        """Choose the reader of a source; logs the reason where it is Spark.

        Args:
            spark: the session.
            source: the source to read.
            uris: URIs of its files, where it does not list them itself.
        """
        opener = FileOpener(source.query)
        reason = reason_for_spark(spark, uris or [file.uri for file in source.files], opener)
        if reason is not None:
            _check_compression(source, reason)
            log_read_by_spark(source, reason)
        return cls(reason, opener)

    @property
    def by_tasks(self) -> bool:
        """Whether tasks read the files."""
        return self.reason is None

    def read_head(self, spark: SparkSession, file: SourceFile) -> bytes:
        """The first bytes of a file, decompressed where its file extension says that it is compressed.

        Raises:
            DataError: it cannot be read.
        """
        if not self.by_tasks:
            return read_head(spark, file)
        with naming(file.uri), closing(self.open_file(file.uri)) as stream:
            return bytes(decompressed(stream, file.uri).read(HEAD_BYTES))


def _check_compression(source: Source, reason: str) -> None:
    unknown = next((file.name for file in source.files if is_unknown_to_spark(file.name)), None)
    if unknown is not None:
        raise DataError(
            f"File '{unknown}' cannot be read: Spark does not know its compression, and {reason}. "
            "Allowed: .gz, .bz2, .zst, .deflate, .snappy, .lz4. Compress it otherwise, or unpack it."
        )


def log_read_by_spark(source: Source, reason: str) -> None:
    """Log that Spark reads a source, and why."""
    log.info("Source '%s' is read by Spark: %s.", source.location, reason)


def log_read_by_tasks(format: str, files: int) -> None:
    """Log that tasks read some files, of a format as `data.source.format` calls it."""
    log.info("Reading %s (%s) by Spark's Python tasks.", counted(files, "file"), format)


def reason_for_spark(spark: SparkSession, uris: Sequence[str], open_file: FileOpener) -> str | None:
    """Why Spark must read some files; None where tasks can, which is tried with the first file that is not local."""
    uri = next((uri for uri in uris if not _is_local(uri)), None)
    if uri is None:
        return None
    reason = _refusal(open_file, uri) or _refusal_in_task(spark, open_file, uri)
    scheme = uri.partition(":")[0]
    return f"'{scheme}:' cannot be opened in Python tasks ({reason})" if reason else None


def _is_local(uri: str) -> bool:
    return uri.startswith("file:") or ":/" not in uri


def _refusal(open_file: FileOpener, uri: str) -> str:
    """Why a file cannot be opened in this process; empty where it can."""
    try:
        with closing(open_file(uri)) as stream:
            stream.read(1)
    except (OSError, pa.ArrowException) as error:
        return first_line(error)
    return ""


def _refusal_in_task(spark: SparkSession, open_file: FileOpener, uri: str) -> str:
    """Why a file cannot be opened in a task, which may run on another machine, in another environment."""

    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.record_batch([pa.array([_refusal(open_file, uri)] * len(batch), pa.string())], ["reason"])

    row: Any = spark.range(0, 1, 1, 1).mapInArrow(task, "reason string").first()
    return str(row["reason"])
