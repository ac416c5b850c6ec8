"""Files as streams of bytes, decompressed where the ending of their name says so."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.sources.decoding.compressed import TooLarge, decompressed, is_compressed

BUFFER_BYTES = 1 << 16


def first_line(error: Exception) -> str:
    """What a library says is wrong, on one line and without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


class ByteStream(Protocol):
    """What is read of an open file: Python's binary files and pyarrow's have more."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...

    def close(self) -> None:
        """Frees the file."""
        ...


class ByteFile(ByteStream, Protocol):
    """A file that can seek."""

    def seek(self, position: int, /) -> object:
        """Goes to a byte."""
        ...


OpenFile = Callable[[str], ByteFile]


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
        self._stream.seek(position, whence)
        return int(self._stream.tell())

    def tell(self) -> int:
        """The position."""
        return int(self._stream.tell())


def buffered(stream: Any) -> io.BufferedReader:
    """A stream as one of Python's binary files: it has lines, `readline` and `peek` too."""
    return io.BufferedReader(_Raw(stream), BUFFER_BYTES)


@contextmanager
def open_stream(open_file: OpenFile, uri: str, *, at: int = 0) -> Iterator[ByteStream]:
    """A file from a byte on, or all of a compressed one, decompressed.

    Raises:
        DataError: it is gone, or damaged.
    """
    file = open_file(uri)
    try:
        if at:
            file.seek(at)
        with naming(uri):
            yield decompressed(file, uri)
    finally:
        file.close()


@contextmanager
def naming(uri: str) -> Iterator[None]:
    """Errors of reading a file name it.

    Raises:
        DataError: for any of them.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        what = "decompressed" if is_compressed(uri) and not isinstance(error, TooLarge) else "read"
        raise DataError(
            f"File '{uri}' cannot be {what}: {first_line(error)}. Rewrite the file, or leave it out."
        ) from error
