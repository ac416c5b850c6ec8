"""Which parts of files a process has compared with their checksums, and how Arrow reads one that is in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import pyarrow as pa


class VerifiedParts:
    """Parts that are as they were written; any thread may ask.

    Attributes:
        pieces: of parts that are compared piece by piece, how many were so far: a sign of life.
    """

    def __init__(self) -> None:
        """Nothing was compared yet."""
        self.pieces = 0
        self._verified: set[Hashable] = set()
        self._in_progress: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def to_verify(self, part: Hashable) -> Iterator[bool]:
        """Whether a part is still to be compared, which is done within; other threads that want it wait meanwhile.

        Where that raises an error, the next one is to compare it again.
        """
        with self._lock:
            in_progress = None if part in self._verified else self._in_progress.setdefault(part, threading.Lock())
        if in_progress is None:
            yield False
            return
        with in_progress:
            yield part not in self._verified
            with self._lock:
                self._verified.add(part)
                self._in_progress.pop(part, None)

    def count_piece(self) -> None:
        """Tell that one more piece was read."""
        with self._lock:
            self.pieces += 1


VERIFIED = VerifiedParts()
"""Of this process: training and validation share it, and so do the many readers of an evaluation."""


class FilePart:
    """Bytes of a file, which Arrow reads as if they were all of it, without a copy."""

    closed = False

    def __init__(self, content: bytes, start: int, size: int) -> None:
        """`content` begins at `start` of a file of `size` bytes."""
        self._content, self._start, self._size = pa.py_buffer(content), start, size
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """The place in the file."""
        return self._position

    def read(self, count: int) -> pa.Buffer:
        """The bytes at this place.

        Raises:
            ValueError: they are not among those that are held.
        """
        first, self._position = self._position - self._start, self._position + count
        if first < 0 or first + count > self._content.size:
            raise ValueError(f"the footer tells of bytes outside of the row group, at {first + self._start}")
        return self._content.slice(first, count)

    def close(self) -> None:
        """Arrow closes what it reads; bytes need no closing."""
