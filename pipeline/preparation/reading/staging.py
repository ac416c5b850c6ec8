"""Rows that only Spark reads, written once as Parquet, so that all passes over them are tasks that read files.

Each pass would ask Spark for them anew, a query with all its joins among them. What was written is one state of the
source, whatever happens to it meanwhile.
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


def staged(raw: RawTable, place: StoragePath) -> RawTable:
    """The same rows from files; the rows as they are where tasks read them anyway, or where Spark cannot write.

    Args:
        raw: some columns of a source.
        place: a folder that is not there yet, for as long as the rows are read.
    """
    columns = _columns(raw)
    if not isinstance(raw.scan, FrameScan) or not all(map(is_exact, columns.values())):
        return raw
    try:
        names = _write(raw.scan.rows, place)
        sizes = list_sizes(place)
    except (PySparkException, Py4JJavaError, OSError, pa.ArrowException) as error:
        # Where the rows themselves are at fault, the first pass says so.
        reason = first_line(explain_spark_error(error) or error)
        log.info("Each pass reads the source anew: it cannot be written to %s (%s).", place.uri, reason)
        return raw
    files = [(place.child(name).uri, sizes[name]) for name in names]
    own = FileColumns(dict(zip(raw.scan.rows.columns, columns.values(), strict=True)), frozenset())
    scan = TypedFiles(False, files, open_stored, own, None).scan(raw.scan.spark, tuple(own.kinds))
    return RawTable(raw.columns, scan)


def _write(rows: DataFrame, place: StoragePath) -> list[str]:
    """The names of the files; row groups are what tasks divide them by."""
    if not place.renames_folders:
        return write_parts(rows, place)
    rows.write.option("parquet.block.size", PIECE_BYTES).parquet(place.uri)
    return [name for name in list_files(place) if name.endswith(".parquet")]


def _columns(raw: RawTable) -> dict[str, pa.DataType]:
    """The types of a batch's columns."""
    kinds = {name: raw.kind(name) for name in raw.names}
    return {**kinds, MALFORMED: pa.string()} if raw.columns.has_lines else kinds
