"""Streams of pyarrow and ours as Python's binary files, which libraries take."""

from __future__ import annotations

import io
import shutil
import tempfile
from typing import IO, Any

import pyarrow as pa

_BUFFER_BYTES = 1 << 16


class _Raw(io.RawIOBase):
    """A stream of pyarrow or of ours as a raw one of Python's; closing it leaves the stream open."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes into a buffer; 0 at the end."""
        read = self._stream.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)

    def seekable(self) -> bool:
        """Whether the stream is."""
        seekable = getattr(self._stream, "seekable", None)
        return seekable is not None and bool(seekable())

    def seek(self, position: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte."""
        try:
            self._stream.seek(position, whence)
        except pa.ArrowInvalid as error:  # which is a ValueError, where libraries expect what files of Python raise
            raise OSError(str(error)) from error
        return int(self._stream.tell())

    def tell(self) -> int:
        """The position."""
        return int(self._stream.tell())


def buffered(stream: Any) -> io.BufferedReader:
    """A stream as one of Python's binary files: it has lines, `readline` and `peek` too."""
    return io.BufferedReader(_Raw(stream), _BUFFER_BYTES)


def seekable(stream: io.BufferedReader) -> IO[bytes]:
    """The same file; a temporary one with its content where it is compressed, and so cannot seek."""
    if stream.seekable():
        return stream
    # Closed, and thereby deleted, when nothing refers to it any more.
    spooled = tempfile.TemporaryFile()  # noqa: SIM115
    shutil.copyfileobj(stream, spooled)
    spooled.seek(0)
    return spooled
