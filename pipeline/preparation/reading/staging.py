"""Stages rows that only Spark can read: writes them once as Parquet, so that tasks read these files in every pass.

Without it each pass would run Spark's query again, with all its joins. The staged rows are one state of the source,
whatever happens to it meanwhile.

Spark hands the rows to Python tasks, and pyarrow writes them, without dictionaries and statistics, which nobody needs:
for 500 columns, Spark's own writer took longer than all the rest of a job.
"""

from __future__ import annotations

import logging

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from pipeline.preparation.reading.part_files import write_parts_by_tasks
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.reading.scan import FrameScan
from pipeline.preparation.reading.typed_files import TypedFiles
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.sources.decoding.pieces import MALFORMED
from pipeline.sources.decoding.remote import open_stored
from pipeline.sources.decoding.streams import first_line
from pipeline.sources.decoding.typed import FileColumns, is_exact
from pipeline.store.filesystem import StoragePath, list_sizes, make_folder

log = logging.getLogger(__name__)

QUICK_TO_WRITE = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
"""Options of pyarrow's writer for files that each of two passes reads once."""


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
        make_folder(folder)
        names = write_parts_by_tasks(raw.scan.rows, folder, options=QUICK_TO_WRITE)
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


def _columns(raw: RawTable) -> dict[str, pa.DataType]:
    """The types of a batch's columns."""
    kinds = {name: raw.kind(name) for name in raw.names}
    return {**kinds, MALFORMED: pa.string()} if raw.columns.has_lines else kinds
