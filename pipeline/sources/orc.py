"""ORC files in pieces, as tasks read them: a piece is some stripes of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pyarrow import orc

from pipeline.errors import DataError

OpenFile = Callable[[str], Any]
"""From a URI to a seekable binary file of Arrow's."""

PIECE_BYTES = 32 << 20


@dataclass(frozen=True)
class Piece:
    """Some stripes of a file.

    Attributes:
        uri: of the file.
        start: the first stripe.
        stop: the stripe behind the last one; None for all that follow.
    """

    uri: str
    start: int = 0
    stop: int | None = None


def plan_pieces(
    files: Sequence[tuple[str, int]], stripes: Callable[[str], int], piece_bytes: int = PIECE_BYTES
) -> tuple[tuple[Piece, ...], ...]:
    """The pieces of each task: of a large file some stripes, of small ones several; by the files alone.

    Args:
        files: URI and bytes of each.
        stripes: how many a file has.
        piece_bytes: of the files of a task, about.
    """
    tasks: list[tuple[Piece, ...]] = []
    waiting: list[Piece] = []
    waited = 0
    for uri, size in files:
        if size >= 2 * piece_bytes:
            tasks += [(piece,) for piece in _parts(uri, stripes(uri), size // piece_bytes)]
            continue
        waiting.append(Piece(uri))
        waited += size
        if waited >= piece_bytes:
            tasks.append(tuple(waiting))
            waiting, waited = [], 0
    return (*tasks, tuple(waiting)) if waiting else tuple(tasks)


def count_stripes(open_file: OpenFile, uri: str) -> int:
    """How many stripes a file has."""
    with open_file(uri) as stream:
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
    try:
        with open_file(piece.uri) as stream:
            file = orc.ORCFile(stream)
            wanted = [name for name in columns.names if name in file.schema.names]
            for stripe in range(piece.start, file.nstripes if piece.stop is None else piece.stop):
                batch = file.read_stripe(stripe, columns=wanted)
                arrays = [_column(batch, field) for field in columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=columns)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"File '{piece.uri}' cannot be read: {reason}. Write it anew, or leave it out.") from error


def _parts(uri: str, stripes: int, wanted: int) -> Iterator[Piece]:
    count = max(min(stripes, wanted), 1)
    ends = [stripes * number // count for number in range(count + 1)]
    return (Piece(uri, start, stop) for start, stop in pairwise(ends))


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in batch.schema.names:
        return pa.nulls(len(batch), field.type)
    return batch.column(batch.schema.get_field_index(field.name)).cast(field.type)
