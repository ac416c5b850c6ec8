"""JSON with one object a line: all values as text, those of nested objects and lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.sql import SparkSession

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.catalog import quoted
from pipeline.preparation.listing.files import SourceFile, escaped
from pipeline.preparation.listing.source import Source
from pipeline.preparation.reading.folder_values import text_values
from pipeline.preparation.reading.piece_scan import LineReader, PieceScan, filling, text_tasks
from pipeline.preparation.reading.raw import RawTable, SourceTable, frame_table, text_columns
from pipeline.preparation.reading.scan import collect_parts
from pipeline.preparation.reading.source_reader import SourceReader
from pipeline.preparation.reading.text_columns import folder_columns, text_schema
from pipeline.sources.decoding.json_lines import key_names, plan_pieces, read_piece
from pipeline.sources.decoding.line_numbers import LINE, count_lines
from pipeline.sources.decoding.pieces import MALFORMED, Piece, Tasks
from pipeline.sources.decoding.streams import OpenFile

HEAD_LINES = 1000

_OPENINGS = ("{", "[", "[{")
"""First lines of JSON that is formatted over several lines."""


def json_table(spark: SparkSession, source: Source, _: SourceConfig) -> SourceTable:
    """The columns that occur in the first lines of the first file.

    A key may be omitted where its value is null, so only `SourceTable.scan`, which reads every line, knows all columns.
    """
    file, reader = next(file for file in source.files if file.bytes), SourceReader.of(spark, source)
    lines = _first_lines(reader.read_head(spark, file))
    names = _names(lines)

    def scan() -> SourceTable:
        all_names = _all_names(spark, source, reader)
        folders = () if source.folders is None else source.folders.names
        every_name = [*names, *(name for name in all_names if name not in (MALFORMED, *names, *folders))]
        _check_lines(source, file, lines, every_name)
        return _table(spark, source, reader, every_name)

    if not names:
        return scan()
    _check_lines(source, file, lines, names)
    table = _table(spark, source, reader, names)
    return SourceTable(table.names, table.kinds, table.is_text, table.reader, scan)


def _table(spark: SparkSession, source: Source, reader: SourceReader, names: Sequence[str]) -> SourceTable:
    every = (*names, *folder_columns(source, names))

    def read(wanted: Sequence[str]) -> RawTable:
        if reader.by_tasks:
            values = text_values(source)
            file_names = tuple(name for name in wanted if values is None or name not in values.kinds)
            read_one = partial(read_piece, reader.open_file, names=file_names)
            numbered = filling(values, (*wanted, MALFORMED, LINE), partial(read_one, numbered=True))
            lines = LineReader(numbered, partial(count_lines, reader.open_file))
            read_filled = filling(values, (*wanted, MALFORMED), read_one)
            scan = PieceScan(spark, _tasks(source), read_filled, lines=lines)
            return RawTable(text_columns(wanted, is_json=True), scan)
        frames = spark.read.schema(text_schema([*wanted, MALFORMED])).options(mode="PERMISSIVE", **_options(source))
        columns = [F.col(quoted(name)) for name in wanted]
        return frame_table(frames.json(_paths(source)), columns, text_columns(wanted, is_json=True))

    return SourceTable(every, dict.fromkeys(every, pa.string()), is_text=True, reader=read)


def _tasks(source: Source) -> Tasks:
    return text_tasks(plan_pieces([(file.uri, file.name, file.bytes) for file in source.files]), source.files)


def _all_names(spark: SparkSession, source: Source, reader: SourceReader) -> list[str]:
    """The keys of all objects, sorted."""
    if not reader.by_tasks:
        return list(spark.read.options(**_options(source)).json(_paths(source)).columns)
    scan = PieceScan(spark, _tasks(source), partial(_names_of_piece, reader.open_file))
    tables = collect_parts(scan, lambda batches: {"names": pa.Table.from_batches(batches, _NAMES)}).get("names", [])
    return sorted({name for part in tables for name in part["name"].to_pylist() if name})


def _names_of_piece(open_file: OpenFile, piece: Piece) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch([pa.array(key_names(open_file, piece), pa.string())], schema=_NAMES)


_NAMES = pa.schema([("name", pa.string())])


def _options(source: Source) -> dict[str, str]:
    options = {"columnNameOfCorruptRecord": MALFORMED}
    return options if source.folders is None else {**options, "basePath": source.folders.above}


def _paths(source: Source) -> list[str]:
    return [escaped(path) for path in source.paths]


def _check_lines(source: Source, file: SourceFile, lines: Sequence[str], names: Sequence[str]) -> None:
    if not names or (lines and lines[0] in _OPENINGS):
        raise DataError(
            f"Source '{source.location}' is not JSON with one object a line. "
            f"Received: file '{file.name}', which begins with '{lines[0][:80] if lines else ''}'. "
            "Write it without line breaks inside of objects, and without brackets around all of them."
        )


def _first_lines(head: bytes) -> list[str]:
    """The first lines of a file, without blank ones."""
    lines = (line.strip() for line in head.decode("utf-8-sig", "replace").split("\n")[:HEAD_LINES])
    return [line for line in lines if line]


def _names(lines: Sequence[str]) -> list[str]:
    """The keys in some lines, in the order of their first occurrence; lines that cannot be parsed are ignored here."""
    names: dict[str, None] = {}
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            continue
        names |= dict.fromkeys(content) if isinstance(content, dict) else {}
    return list(names)
