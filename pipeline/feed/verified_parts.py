"""Which parts of files a process has verified by their checksums, and how Arrow reads one that is in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import pyarrow as pa


class VerifiedParts:
    """Parts of files whose checksums were verified; any thread may use this.

    Attributes:
        pieces: number of pieces verified so far, of parts that are verified piece by piece; it shows that a thread
            is alive which delivers nothing.
    """

    def __init__(self) -> None:
        """Nothing is verified yet."""
        self.pieces = 0
        self._verified: set[Hashable] = set()
        self._in_progress: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def to_verify(self, part: Hashable) -> Iterator[bool]:
        """Whether a part is still to be verified, which the block then does; other threads that need it wait meanwhile.

        If the block raises an error, the part stays unverified, and the next thread verifies it.
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
        """Count one more piece."""
        with self._lock:
            self.pieces += 1


VERIFIED = VerifiedParts()
"""Those of this process: training, validation and the many readers of an evaluation share them."""


class FilePart:
    """A part of a file in memory, which Arrow reads without a copy as if it were the whole file."""

    closed = False

    def __init__(self, content: bytes, start: int, size: int) -> None:
        """`content` begins at `start` of a file of `size` bytes."""
        self._content, self._start, self._size = pa.py_buffer(content), start, size
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the file."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """The position in the file."""
        return self._position

    def read(self, count: int) -> pa.Buffer:
        """The bytes at this position.

        Raises:
            ValueError: they are outside of this part.
        """
        first, self._position = self._position - self._start, self._position + count
        if first < 0 or first + count > self._content.size:
            raise ValueError(f"the footer refers to bytes outside of the row group, at {first + self._start}")
        return self._content.slice(first, count)

    def close(self) -> None:
        """Arrow calls this after reading; bytes in memory need no closing."""
