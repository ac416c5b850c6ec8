"""Opens a source as a table, of which only the requested columns are read.

Text formats are read as text and typed later (see `rows/table.py`), so that a value that cannot be typed makes a
counted bad row and never a silent null. Column names may contain anything (dots, spaces, backticks); batches
therefore name their columns `r0, r1, ...`, and the original names return when rows are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import import_module

from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.catalog import open_relation
from pipeline.preparation.listing.source import QUERY, TABLE, Source
from pipeline.preparation.reading.joins.joined_table import joined_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import RawTable, SourceTable, typed_table
from pipeline.preparation.reading.source_reader import log_read_by_spark, log_read_by_tasks
from pipeline.sources.registry import FORMATS


def open_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of a source and of its joins, from the first bytes or footers of files, or from the log of a table.

    Args:
        spark: the session.
        source: the source, from `open_source`.
        config: how to read it.

    Raises:
        DataError: the source cannot be read, or cannot be joined as configured.
        PlatformError: its format cannot be read in this environment.
    """
    table = _own_table(spark, source, config)
    for joined in source.joins:
        right = _own_table(spark, joined.source, joined.config.source)
        table = joined_table(table, right, joined.config, f"'{joined.source.location}' (data.joins)")
    return table


def _own_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of a source, without those that are joined to it."""
    if source.format in (TABLE, QUERY):
        log_read_by_spark(source, "only Spark reads tables and queries of its catalog")
        return typed_table(open_relation(spark, config))
    module, _, function = FORMATS.get(source.format).opening.partition(":")
    table: SourceTable = getattr(import_module(module), function)(spark, source, config)
    return _logging_reader(source, table, partial(_log_reader, source, cache(log_read_by_tasks)))


def _logging_reader(source: Source, table: SourceTable, log_reader: Callable[[RawTable], None]) -> SourceTable:
    """The same table, which logs its reader when it is read, and whose scan knows the names of the files."""

    def read(wanted: Sequence[str]) -> RawTable:
        raw = table.reader(wanted)
        log_reader(raw)
        if not isinstance(raw.scan, PieceScan):
            return raw
        return replace(raw, scan=replace(raw.scan, files={file.uri: file.name for file in source.files}))

    scan_names = table.scan
    return replace(table, reader=read, scan=scan_names and (lambda: _logging_reader(source, scan_names(), log_reader)))


def _log_reader(source: Source, log_once: Callable[[str, int], None], raw: RawTable) -> None:
    """Log in the driver that tasks read, since they have no log; that Spark reads is logged where it is decided."""
    if isinstance(raw.scan, PieceScan):
        log_once(source.format, len({piece.uri for task in raw.scan.tasks for piece in task}))
