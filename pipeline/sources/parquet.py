"""Parquet files in pieces, as tasks read them: a piece is a range of a file's bytes, and has the row groups in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.store.pages import READ_CHECKED

OpenFile = Callable[[str], Any]
"""From a URI to a seekable binary file of Arrow's."""

PIECE_BYTES = 32 << 20
BATCH_ROWS, BATCH_CELLS, FEWEST_ROWS = 1 << 17, 1 << 23, 1 << 10
"""Read at once: so many rows, fewer of wide tables, whose values are all in memory together."""


@dataclass(frozen=True)
class Piece:
    """A part of a file: the row groups whose first byte is in a range.

    Attributes:
        uri: of the file.
        start: the first byte of the range.
        stop: the byte behind the last one.
    """

    uri: str
    start: int
    stop: int


def plan_pieces(files: Sequence[tuple[str, int]], piece_bytes: int = PIECE_BYTES) -> tuple[tuple[Piece, ...], ...]:
    """The pieces of each task: of a large file a range, of small ones several; by names and sizes alone.

    Args:
        files: URI and bytes of each.
        piece_bytes: of the files of a task, about.
    """
    tasks: list[tuple[Piece, ...]] = []
    waiting: list[Piece] = []
    for uri, size in files:
        if size >= piece_bytes:
            count = size // piece_bytes
            ends = [size * number // count for number in range(count + 1)]
            tasks += [(Piece(uri, start, stop),) for start, stop in pairwise(ends)]
            continue
        waiting.append(Piece(uri, 0, size))
        if sum(piece.stop for piece in waiting) >= piece_bytes:
            tasks.append(tuple(waiting))
            waiting = []
    return (*tasks, tuple(waiting)) if waiting else tuple(tasks)


def read_piece(open_file: OpenFile, piece: Piece, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a piece.

    Args:
        open_file: opens a file.
        piece: a part of one.
        columns: names and types that the source has; a file that lacks one has null in it.

    Raises:
        DataError: naming the file, and the row group or the column that cannot be read.
    """
    try:
        with open_file(piece.uri) as stream:
            file = pq.ParquetFile(stream, **READ_CHECKED)
            yield from _batches(file, piece, columns)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"File '{piece.uri}' cannot be read: {reason}. Write it anew, or leave it out.") from error


def _batches(file: pq.ParquetFile, piece: Piece, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    there = set(file.schema_arrow.names)
    wanted = [name for name in columns.names if name in there]
    rows = max(FEWEST_ROWS, min(BATCH_ROWS, BATCH_CELLS // max(len(columns), 1)))
    for group in _row_groups(file.metadata, piece):
        for batch in file.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
            arrays = [_column(batch, field) for field in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=columns)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in batch.schema.names:
        return pa.nulls(len(batch), field.type)
    return batch.column(batch.schema.get_field_index(field.name)).cast(field.type)


def _row_groups(metadata: Any, piece: Piece) -> list[int]:
    """Those that begin in the range; each row group of a file is in one piece of it."""
    return [
        number
        for number in range(metadata.num_row_groups)
        if piece.start <= _first_byte(metadata.row_group(number)) < piece.stop
    ]


def _first_byte(group: Any) -> int:
    """Of a row group; one without columns counts as at the start of the file."""
    if not group.num_columns:
        return 0
    first = group.column(0)
    dictionary = first.dictionary_page_offset if first.has_dictionary_page else None
    return int(dictionary or first.data_page_offset)
