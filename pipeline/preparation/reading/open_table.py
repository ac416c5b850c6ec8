"""Sources as rows: only the columns that are asked for, under safe names, nothing guessed and nothing dropped.

Text formats are read as text and typed later (see `rows/table.py`), so that a value that cannot be typed is a counted
bad row and never a silent null. A column's name may hold anything (dots, spaces, backticks); it is therefore
replaced by `r0, r1, ...` at once and comes back when rows are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.catalog import open_relation, quoted
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.columnar import columnar_table
from pipeline.preparation.reading.delimited import delimited_table
from pipeline.preparation.reading.delta import delta_table
from pipeline.preparation.reading.json_lines import json_table
from pipeline.preparation.reading.raw import RawTable, SourceTable, typed_table
from pipeline.sources.decoding.pieces import MALFORMED

__all__ = ["MALFORMED", "CheckNames", "RawTable", "SourceTable", "open_table", "quoted", "read_table"]

CheckNames = Callable[[Sequence[str]], None]
"""Raises where the names that a source has are not what the configuration asks for."""


def open_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of a source; the heads of its files are read, their footers, or a table's log.

    Args:
        spark: the session.
        source: from `open_source`.
        config: how to read it.

    Raises:
        DataError: the source cannot be read.
        PlatformError: nothing here can read Delta.
    """
    match source.format:
        case "csv" | "tsv":
            return delimited_table(spark, source, config)
        case "json":
            return json_table(spark, source)
        case "delta":
            return delta_table(spark, source)
        case "table" | "query":
            return typed_table(open_relation(spark, config))
    return columnar_table(spark, source)


def read_table(
    spark: SparkSession, source: Source, config: SourceConfig, *, wanted: Sequence[str], check: CheckNames
) -> RawTable:
    """Read some columns of a source, lazily.

    Args:
        spark: the session.
        source: from `open_source`.
        config: how to read it.
        wanted: the columns.
        check: called with the names that are there, before the first row is read.

    Raises:
        DataError: the source cannot be read, or `check` says so.
    """
    table = open_table(spark, source, config).knowing(wanted)
    check(table.names)
    return table.read(wanted)
