"""Parquet files in pieces, as tasks read them: a piece is a range of a file's bytes, and has the row groups in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources.decoding.pieces import PIECE_BYTES, Piece, Tasks, cut, tasks_of
from pipeline.sources.decoding.streams import OpenFile, naming
from pipeline.sources.decoding.typed import FileColumns, file_columns, typed_batch
from pipeline.store.pages import READ_CHECKED

BATCH_ROWS, BATCH_CELLS, FEWEST_ROWS = 1 << 17, 1 << 23, 1 << 10
"""Read at once: so many rows, fewer of wide tables, whose values are all in memory together."""

_FILE_TYPE = re.compile(
    r"boolean|byte|short|integer|long|float|double|string|(var)?char\(\d+\)|binary|date|timestamp(_ntz)?|decimal\(.*\)"
)
FIRST_GREGORIAN = 3
"""The first version of Spark that writes dates of the Gregorian calendar."""


def plan_pieces(files: Sequence[tuple[str, int]], piece_bytes: int = PIECE_BYTES) -> Tasks:
    """The pieces of each task: of a large file a range, of small ones several; by names and sizes alone.

    Args:
        files: URI and bytes of each.
        piece_bytes: of the files of a task, about.
    """
    return tasks_of(_sized(files, piece_bytes), piece_bytes, may_exceed=True)


def _sized(files: Sequence[tuple[str, int]], piece_bytes: int) -> Iterator[tuple[Piece, int | None]]:
    for uri, size in files:
        if size >= piece_bytes:
            yield from ((piece, None) for piece in cut(uri, size, size // piece_bytes))
        else:
            yield Piece(uri, 0, size), size


def read_piece(open_file: OpenFile, piece: Piece, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a piece.

    Args:
        open_file: opens a file.
        piece: a part of one.
        columns: names and types that the source has; a file that lacks one has null in it.

    Raises:
        DataError: naming the file, and the row group or the column that cannot be read.
    """
    with naming(piece.uri), closing(open_file(piece.uri)) as stream:
        yield from _batches(_opened(stream), piece, columns)


def read_columns(open_file: OpenFile, uri: str) -> FileColumns:
    """The columns of a file.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    with closing(open_file(uri)) as stream:
        file = _opened(stream)
        kinds = {field.name: field.type for field in file.schema_arrow}
        instants = {column.path for column in map(file.schema.column, range(len(file.schema))) if _is_instant(column)}
        metadata = file.metadata.metadata or {}
    kinds |= dict.fromkeys(instants & kinds.keys(), pa.timestamp("us", "UTC"))
    odd = _other_types(metadata)
    if _has_julian_days(metadata):
        odd |= {name for name, kind in kinds.items() if pa.types.is_date(kind) or pa.types.is_timestamp(kind)}
    return file_columns(kinds, odd=frozenset(odd))


def _is_instant(column: Any) -> bool:
    """Whether a column has the old type for times, of 96 bits, which always means instants."""
    return bool(column.physical_type == "INT96")


def _other_types(metadata: Mapping[bytes, bytes]) -> set[str]:
    """The columns of which Spark notes a type that the file does not have, such as an interval kept as an integer."""
    fields = json.loads(metadata.get(b"org.apache.spark.sql.parquet.row.metadata", b'{"fields": []}'))["fields"]
    return {field["name"] for field in fields if not _FILE_TYPE.fullmatch(str(field["type"]))}


def _has_julian_days(metadata: Mapping[bytes, bytes]) -> bool:
    """Whether Spark wrote a file with dates of the Julian calendar, which it turns into Gregorian ones on reading."""
    version = metadata.get(b"org.apache.spark.version", b"3").decode()
    return bool({b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96"} & metadata.keys()) or (
        int(version.partition(".")[0]) < FIRST_GREGORIAN
    )


def _opened(stream: Any) -> pq.ParquetFile:
    # In nanoseconds, the range of 64 bits would end in 2262.
    return pq.ParquetFile(stream, coerce_int96_timestamp_unit="us", **READ_CHECKED)


def _batches(file: pq.ParquetFile, piece: Piece, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    there = set(file.schema_arrow.names)
    wanted = [name for name in columns.names if name in there]
    rows = max(FEWEST_ROWS, min(BATCH_ROWS, BATCH_CELLS // max(len(columns), 1)))
    for group in _row_groups(file.metadata, piece):
        for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
            yield typed_batch(batch, columns)


def _row_groups(metadata: Any, piece: Piece) -> list[int]:
    """Those that begin in the range; each row group of a file is in one piece of it."""
    stop = math.inf if piece.stop is None else piece.stop
    return [
        number
        for number in range(metadata.num_row_groups)
        if piece.start <= _first_byte(metadata.row_group(number)) < stop
    ]


def _first_byte(group: Any) -> int:
    """Of a row group; one without columns counts as at the start of the file."""
    if not group.num_columns:
        return 0
    first = group.column(0)
    dictionary = first.dictionary_page_offset if first.has_dictionary_page else None
    return int(dictionary or first.data_page_offset)
