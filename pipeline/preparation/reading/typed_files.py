"""Parquet and ORC files whose columns are known, read by tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.formatting import listed
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.folder_values import FileValues
from pipeline.preparation.reading.piece_scan import PieceScan, filling
from pipeline.preparation.reading.raw import RawColumns, RawTable, SourceTable
from pipeline.preparation.reading.source_reader import log_read_by_spark
from pipeline.sources.decoding import orc, parquet
from pipeline.sources.decoding.pieces import Piece
from pipeline.sources.decoding.streams import OpenFile
from pipeline.sources.decoding.typed import FileColumns


@dataclass(frozen=True)
class TypedFiles:
    """Files of one source.

    Attributes:
        is_orc: whether the files are ORC; Parquet otherwise.
        files: URI and size in bytes of each file, without empty ones.
        open_file: opens a file; plain data.
        columns: the columns in the files.
        values: the columns with one value in each file.
    """

    is_orc: bool
    files: Sequence[tuple[str, int]]
    open_file: OpenFile
    columns: FileColumns
    values: FileValues | None

    def table(
        self, spark: SparkSession, source: Source, kinds: Mapping[str, pa.DataType], by_spark: Callable[[], SourceTable]
    ) -> SourceTable:
        """The table of the source; Spark reads the rows where a wanted column has a type that only Spark reads.

        Where the files also have a column that Spark cannot type, tasks read all: lists and the like as they are, and
        dates before 1582 without a change of calendar.

        Args:
            spark: the session.
            source: the source of the files.
            kinds: the types of all columns, in order.
            by_spark: gives the same table, read by Spark.
        """

        def read(wanted: Sequence[str]) -> RawTable:
            odd = [f"'{name}' ({kinds[name]})" for name in wanted if name in self.columns.odd]
            # Spark stops at a column that it cannot type, even where it is not wanted.
            if odd and not self.columns.beyond_spark:
                log_read_by_spark(source, f"types that Arrow does not read as Spark does: {listed(odd)}")
                return by_spark().read(wanted)
            return RawTable(RawColumns(tuple(wanted), {name: kinds[name] for name in wanted}), self.scan(spark, wanted))

        return SourceTable(tuple(kinds), kinds, is_text=False, reader=read)

    def scan(self, spark: SparkSession, wanted: Sequence[str]) -> PieceScan[Piece]:
        """The rows of some columns."""
        names = [name for name in wanted if name in self.columns.kinds]
        # Without any column, a batch would not have the number of rows.
        schema = pa.schema([(name, self.columns.kinds[name]) for name in names or [*self.columns.kinds][:1]])
        open_file, read = self.open_file, orc.read_piece if self.is_orc else parquet.read_piece
        tasks = (
            orc.plan_pieces(self.files, lambda uri: orc.count_stripes(open_file, uri))
            if self.is_orc
            else parquet.plan_pieces(self.files)
        )
        return PieceScan(spark, tasks, filling(self.values, wanted, lambda piece: read(open_file, piece, schema)))
