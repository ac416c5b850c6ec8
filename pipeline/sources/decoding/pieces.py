"""Parts of files, and which of them a task reads: they follow from the names and sizes of files alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

PIECE_BYTES = 32 << 20
"""Of a piece, and of the pieces of a task, about; text is read at some 300 MB a second."""

MALFORMED = "__malformed"
"""The text of a line with too few or too many fields, or that is no JSON object; null for a good line."""


@dataclass(frozen=True)
class Piece:
    """A part of a file; what begins in it belongs to it.

    Attributes:
        uri: of the file.
        start: the first byte, or the first stripe of an ORC file.
        stop: what is behind the last one; None for the end of the file.
    """

    uri: str
    start: int = 0
    stop: int | None = None


Tasks = tuple[tuple[Piece, ...], ...]
"""The pieces of each task."""


def cut(uri: str, size: int, count: int) -> Iterator[Piece]:
    """So many pieces of a file, of about the same size."""
    ends = [size * number // count for number in range(count + 1)]
    return (Piece(uri, start, stop) for start, stop in pairwise(ends))


def tasks_of(sized: Iterable[tuple[Piece, int | None]], task_bytes: int = PIECE_BYTES, *, may_exceed: bool) -> Tasks:
    """Pieces in their order, small ones several for a task.

    Args:
        sized: pieces and their bytes; None for one that has a task of its own.
        task_bytes: of the pieces of a task, about.
        may_exceed: whether a task takes the piece that makes it larger than `task_bytes`, or the next one does.
    """
    tasks, waiting, filled = list[tuple[Piece, ...]](), list[Piece](), 0
    for piece, size in sized:
        if size is None:
            tasks.append((piece,))
            continue
        if waiting and not may_exceed and filled + size > task_bytes:
            tasks.append(tuple(waiting))
            waiting, filled = [], 0
        waiting.append(piece)
        filled += size
        if may_exceed and filled >= task_bytes:
            tasks.append(tuple(waiting))
            waiting, filled = [], 0
    return (*tasks, tuple(waiting)) if waiting else tuple(tasks)
