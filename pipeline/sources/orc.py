"""ORC files in pieces, as tasks read them: a piece is some stripes of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pyarrow as pa
from pyarrow import orc

from pipeline.sources.pieces import PIECE_BYTES, Piece, Tasks, cut, tasks_of
from pipeline.sources.streams import OpenFile, naming
from pipeline.sources.typed import typed_batch


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
        Unreadable: naming the file that cannot be read.
    """
    with naming(piece.uri), closing(open_file(piece.uri)) as stream:
        file = orc.ORCFile(stream)
        wanted = [name for name in columns.names if name in file.schema.names]
        for stripe in range(piece.start, file.nstripes if piece.stop is None else piece.stop):
            yield typed_batch(file.read_stripe(stripe, columns=wanted), columns)
