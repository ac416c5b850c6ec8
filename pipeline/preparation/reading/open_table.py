"""Sources as rows: only the columns that are asked for, under safe names, nothing guessed and nothing dropped.

Text formats are read as text and typed later (see `rows/table.py`), so that a value that cannot be typed is a counted
bad row and never a silent null. A column's name may hold anything (dots, spaces, backticks); it is therefore
replaced by `r0, r1, ...` at once and comes back when rows are written.
"""

from __future__ import annotations

from importlib import import_module

from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.catalog import open_relation
from pipeline.preparation.listing.source import QUERY, TABLE, Source
from pipeline.preparation.reading.raw import SourceTable, typed_table
from pipeline.sources.registry import find_format


def open_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of a source; the heads of its files are read, their footers, or a table's log.

    Args:
        spark: the session.
        source: from `open_source`.
        config: how to read it.

    Raises:
        DataError: the source cannot be read.
        PlatformError: nothing here can read its format.
    """
    if source.format in (TABLE, QUERY):
        return typed_table(open_relation(spark, config))
    module, _, function = find_format(source.format).opening.partition(":")
    table: SourceTable = getattr(import_module(module), function)(spark, source, config)
    return table
