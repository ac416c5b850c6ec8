"""ORC files in pieces, as tasks read them: a piece is some stripes of a file.

Dates before 15 October 1582 are taken for Julian ones, as nearly all writers have them. Spark does so too, but for
files that say otherwise in their footer, which Arrow does not show; some versions of Hive write such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pyarrow as pa
from pyarrow import orc

from pipeline.arrays.julian import gregorian_dates
from pipeline.sources.decoding.pieces import PIECE_BYTES, Piece, Tasks, cut, tasks_of
from pipeline.sources.decoding.streams import OpenFile, naming
from pipeline.sources.decoding.typed import FileColumns, file_columns, typed_batch

SPARK_TYPE, TIMES = b"spark.sql.catalyst.type", b"timestamp_ntz"
"""What Spark notes of a column whose type ORC lacks; times without a zone are microseconds then."""


def plan_pieces(
    files: Sequence[tuple[str, int]], stripes: Callable[[str], int], piece_bytes: int = PIECE_BYTES
) -> Tasks:
    """The pieces of each task: of a large file some stripes, of small ones several; by the files alone.

    Args:
        files: URI and bytes of each.
        stripes: how many a file has.
        piece_bytes: of the files of a task, about.
    """
    return tasks_of(_sized(files, stripes, piece_bytes), piece_bytes, may_exceed=True)


def _sized(
    files: Sequence[tuple[str, int]], stripes: Callable[[str], int], piece_bytes: int
) -> Iterator[tuple[Piece, int | None]]:
    for uri, size in files:
        if size >= 2 * piece_bytes:
            count = stripes(uri)
            yield from ((piece, None) for piece in cut(uri, count, max(min(count, size // piece_bytes), 1)))
        else:
            yield Piece(uri), size


def read_columns(open_file: OpenFile, uri: str) -> FileColumns:
    """The columns of a file.

    Raises:
        OSError, pa.ArrowException: it cannot be read.
    """
    with closing(open_file(uri)) as stream:
        schema = orc.ORCFile(stream).schema
    named = {field.name: (field.metadata or {}).get(SPARK_TYPE) for field in schema}
    # Instants and times without a zone look alike to Arrow, and what Spark makes of the latter follows Java's zone.
    odd = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    kinds = {field.name: field.type for field in schema} | dict.fromkeys(odd, pa.timestamp("us", "UTC"))
    kinds |= {name: pa.timestamp("us") for name, kind in named.items() if kind == TIMES}
    return file_columns(kinds, odd=frozenset(odd | {name for name, kind in named.items() if kind not in (None, TIMES)}))


def count_stripes(open_file: OpenFile, uri: str) -> int:
    """How many stripes a file has."""
    with naming(uri), closing(open_file(uri)) as stream:
        return int(orc.ORCFile(stream).nstripes)


def read_piece(open_file: OpenFile, piece: Piece, columns: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a piece.

    Args:
        open_file: opens a file.
        piece: a part of one.
        columns: names and types that the source has; a file that lacks one has null in it.

    Raises:
        DataError: naming the file that cannot be read.
    """
    with naming(piece.uri), closing(open_file(piece.uri)) as stream:
        file = orc.ORCFile(stream)
        # Without any column, a stripe would not tell how many rows it has.
        names = file.schema.names
        there = {*names}
        wanted = [name for name in columns.names if name in there] or names[:1]
        for stripe in range(piece.start, file.nstripes if piece.stop is None else piece.stop):
            yield typed_batch(_gregorian(file.read_stripe(stripe, columns=wanted)), columns)


def _gregorian(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with the dates that Spark reads."""
    columns = [gregorian_dates(column) if pa.types.is_date32(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)
