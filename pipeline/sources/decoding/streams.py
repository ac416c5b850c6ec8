"""Files as streams of bytes, decompressed where the ending of their name says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

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
