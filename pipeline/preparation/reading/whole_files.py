"""Sources whose format reads whole files, see `SourceFormat`: typed columns; no two tasks share a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.common_columns import CommonColumns
from pipeline.preparation.reading.folder_values import typed_values
from pipeline.preparation.reading.piece_scan import PieceScan, filling
from pipeline.preparation.reading.raw import RawColumns, RawTable, SourceTable
from pipeline.preparation.reading.source_reader import SourceReader
from pipeline.preparation.reading.text_columns import folder_columns
from pipeline.sources.decoding.binary_files import buffered
from pipeline.sources.decoding.compressed import decompressed
from pipeline.sources.decoding.pieces import Piece, tasks_of
from pipeline.sources.decoding.streams import OpenFile, first_line
from pipeline.sources.decoding.typed import spark_kind, typed_batch, without_null_types
from pipeline.sources.registry import FORMATS, SourceFormat


@dataclass(frozen=True)
class WholeFiles:
    """Reads whole files; sent to the tasks, so the libraries of the format must be installed there.

    Attributes:
        format: the format of the files.
        options: the options of the format.
        open_file: opens a file; plain data.
    """

    format: SourceFormat
    options: Any
    open_file: OpenFile

    def columns(self, uri: str) -> dict[str, pa.DataType]:
        """The columns of a file, with the types that Spark has for them."""
        assert self.format.columns is not None
        with self._open(uri) as stream:
            return {name: spark_kind(kind) for name, kind in self.format.columns(stream, self.options).items()}

    def rows(self, schema: pa.Schema) -> Callable[[Piece], Iterator[pa.RecordBatch]]:
        """A reader of some columns of a file."""
        read = self.format.read
        assert read is not None

        def rows_of(piece: Piece) -> Iterator[pa.RecordBatch]:
            with self._open(piece.uri) as stream:
                yield from (typed_batch(batch, schema) for batch in read(stream, self.options))

        return rows_of

    @contextmanager
    def _open(self, uri: str) -> Iterator[Any]:
        """Open a file; errors name it."""
        try:
            with closing(self.open_file(uri)) as file:
                yield buffered(decompressed(file, uri))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(f"File '{uri}' cannot be read as {self.format.name}: {first_line(error)}.") from error


def whole_files_table(spark: SparkSession, source: Source, config: SourceConfig) -> SourceTable:
    """The columns of a source whose format has `columns` and `read`.

    Raises:
        DataError: tasks cannot open or read the files, or their columns differ.
    """
    format = FORMATS.get(source.format)
    reader = SourceReader.of(spark, source)
    if not reader.by_tasks:
        raise DataError(
            f"Source '{source.location}' cannot be read as {format.name}, which only Python tasks can read: "
            f"{reader.reason}. Copy it to a file system that they can open."
        )
    files = WholeFiles(format, format.parsed_options(config.options), reader.open_file)
    file_kinds, values = _common_columns(files, source, merged=config.merge_schema), typed_values(spark, source)
    if isinstance(values, str):
        raise DataError(f"Source '{source.location}' cannot be read as {format.name}: {values}. Rename the folders.")
    folder_columns(source, [*file_kinds])
    kinds = {**file_kinds, **({} if values is None else values.kinds)}
    pieces = [(Piece(file.uri), file.bytes) for file in source.filled]
    tasks = tasks_of(pieces, may_exceed=True)

    def read(wanted: Sequence[str]) -> RawTable:
        # Without any column, a batch would not have the number of rows.
        names = [name for name in wanted if name in file_kinds] or [*file_kinds][:1]
        schema = pa.schema([(name, file_kinds[name]) for name in names])
        scan = PieceScan(spark, tasks, filling(values, wanted, files.rows(schema)))
        return RawTable(RawColumns(tuple(wanted), {name: kinds[name] for name in wanted}), scan)

    return SourceTable(tuple(kinds), kinds, is_text=False, reader=read)


def _common_columns(files: WholeFiles, source: Source, *, merged: bool) -> dict[str, pa.DataType]:
    """The columns of all files, which must be the same unless they are merged.

    Raises:
        DataError: columns differ.
    """
    common = CommonColumns.of(((file.name, files.columns(file.uri)) for file in source.filled), merged=merged)
    return without_null_types(common.arrow_kinds)
