"""Stages rows that only Spark can read: writes them once as Parquet, so that tasks read these files in every pass.

Without it each pass would run Spark's query again, with all its joins. The staged rows are one state of the source,
whatever happens to it meanwhile.
"""

from __future__ import annotations

import logging

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from pipeline.preparation.reading.part_files import write_parts
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.reading.scan import FrameScan
from pipeline.preparation.reading.typed_files import TypedFiles
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources.decoding.pieces import MALFORMED, PIECE_BYTES
from pipeline.sources.decoding.remote import open_stored
from pipeline.sources.decoding.streams import first_line
from pipeline.sources.decoding.typed import FileColumns, is_exact
from pipeline.store.filesystem import StoragePath, list_files, list_sizes

log = logging.getLogger(__name__)


def staged(raw: RawTable, folder: StoragePath) -> RawTable:
    """The same rows from staged files; unchanged where tasks read them anyway, or Spark cannot write them.

    Args:
        raw: some columns of a source.
        folder: a folder that does not exist yet, and stays as long as the rows are read.
    """
    columns = _columns(raw)
    if not isinstance(raw.scan, FrameScan) or not all(map(is_exact, columns.values())):
        return raw
    try:
        names = _write(raw.scan.rows, folder)
        sizes = list_sizes(folder)
    except (PySparkException, Py4JJavaError, OSError, pa.ArrowException) as error:
        # If the rows themselves cannot be read, the first pass raises that error.
        reason = first_line(explain_spark_error(error) or error)
        log.info("Each pass reads the source again: it cannot be staged in %s (%s).", folder.uri, reason)
        return raw
    files = [(folder.child(name).uri, sizes[name]) for name in names]
    file_columns = FileColumns(dict(zip(raw.scan.rows.columns, columns.values(), strict=True)), frozenset())
    scan = TypedFiles(False, files, open_stored, file_columns, None).scan(raw.scan.spark, tuple(file_columns.kinds))
    return RawTable(raw.columns, scan)


def _write(rows: DataFrame, folder: StoragePath) -> list[str]:
    """Write the files, and return their names; tasks read them by row groups."""
    if not folder.renames_folders:
        return write_parts(rows, folder)
    rows.write.option("parquet.block.size", PIECE_BYTES).parquet(folder.uri)
    return [name for name in list_files(folder) if name.endswith(".parquet")]


def _columns(raw: RawTable) -> dict[str, pa.DataType]:
    """The types of a batch's columns."""
    kinds = {name: raw.kind(name) for name in raw.names}
    return {**kinds, MALFORMED: pa.string()} if raw.columns.has_lines else kinds
