"""Which parts of files a process has compared with their checksums, and how Arrow reads one that is in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import pyarrow as pa


class Checked:
    """Parts that are as they were written; any thread may ask.

    Attributes:
        pieces: of parts that are compared piece by piece, how many were so far: a sign of life.
    """

    def __init__(self) -> None:
        """Nothing was compared yet."""
        self.pieces = 0
        self._found: set[Hashable] = set()
        self._at_work: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def first(self, part: Hashable) -> Iterator[bool]:
        """Whether a part is still to be compared, which is done within; other threads that want it wait meanwhile.

        Where that raises an error, the next one is to compare it again.
        """
        with self._lock:
            at_work = None if part in self._found else self._at_work.setdefault(part, threading.Lock())
        if at_work is None:
            yield False
            return
        with at_work:
            yield part not in self._found
            with self._lock:
                self._found.add(part)
                self._at_work.pop(part, None)

    def count_piece(self) -> None:
        """Tell that one more piece was read."""
        with self._lock:
            self.pieces += 1


CHECKED = Checked()
"""Of this process: training and validation share it, and so do the many readers of an evaluation."""


class HeldPart:
    """Bytes of a file, which Arrow reads as if they were all of it, without a copy."""

    closed = False

    def __init__(self, content: bytes, start: int, size: int) -> None:
        """`content` begins at `start` of a file of `size` bytes."""
        self._content, self._start, self._size = pa.py_buffer(content), start, size
        self._place = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """The place in the file."""
        return self._place

    def read(self, count: int) -> pa.Buffer:
        """The bytes at this place.

        Raises:
            ValueError: they are not among those that are held.
        """
        first, self._place = self._place - self._start, self._place + count
        if first < 0 or first + count > self._content.size:
            raise ValueError(f"the footer tells of bytes outside of the row group, at {first + self._start}")
        return self._content.slice(first, count)

    def close(self) -> None:
        """Arrow closes what it reads; bytes need no closing."""
