"""Files as streams of bytes, decompressed where the ending of their name says so, as Hadoop does.

| ending | what it is for Hadoop |
|---|---|
| `.gz`, `.bz2`, `.zst` | what the programs of these names write |
| `.deflate` | zlib |
| `.snappy`, `.lz4` | Hadoop's own blocks, which other programs do not write |
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from pipeline.errors import DataError

BUFFER_BYTES = 1 << 16


class Unreadable(DataError):
    """A file that only Spark's own reader can read, or not even that."""


class ByteStream(Protocol):
    """What is read of an open file: Python's binary files and pyarrow's have more."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...

    def close(self) -> None:
        """Frees the file."""
        ...


class ByteFile(ByteStream, Protocol):
    """A file with places to go to."""

    def seek(self, position: int, /) -> object:
        """Goes to a byte."""
        ...


OpenFile = Callable[[str], ByteFile]
Decompress = Callable[[ByteFile], ByteStream]


def is_compressed(uri: str) -> bool:
    """Whether the ending of a file's name says so."""
    return _ending(uri) in DECOMPRESSED


@contextmanager
def open_stream(open_file: OpenFile, uri: str, *, at: int = 0) -> Iterator[ByteStream]:
    """A file from a byte on, or all of a compressed one, decompressed.

    Raises:
        Unreadable: it is damaged.
    """
    file = open_file(uri)
    try:
        if at:
            file.seek(at)
        with _named(uri):
            yield DECOMPRESSED[_ending(uri)](file) if is_compressed(uri) else file
    finally:
        file.close()


@contextmanager
def _named(uri: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowInvalid) as error:
        raise Unreadable(f"File '{uri}' cannot be decompressed: {error}.") from error
    except OSError as error:
        if not is_compressed(uri):
            raise
        raise Unreadable(f"File '{uri}' cannot be decompressed: {error}.") from error


def _ending(uri: str) -> str:
    _, dot, ending = uri.rpartition("/")[2].rpartition(".")
    return ending if dot else ""


class _Generated:
    """A stream of what a generator yields."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def read(self, size: int, /) -> bytes:
        found = [self._rest]
        missing = size - len(self._rest)
        while missing > 0 and (part := next(self._parts, b"")):
            found.append(part)
            missing -= len(part)
        data = b"".join(found)
        self._rest = data[size:]
        return data[:size]

    def close(self) -> None:
        """Nothing is held."""


def _inflated(file: ByteFile) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    while data := file.read(BUFFER_BYTES):
        if part := inflate.decompress(data):
            yield part
    if not inflate.eof:
        raise EOFError("it ends before its data does")


def _hadoop_blocks(file: ByteFile, codec: str) -> Iterator[bytes]:
    """Each block: its length and then parts of it, each after the length of what it is compressed to."""
    decompressor = pa.Codec(codec)
    while head := file.read(4):
        missing = int.from_bytes(head, "big")
        while missing:
            data = _exactly(file, int.from_bytes(_exactly(file, 4), "big"))
            size = _snappy_size(data) if codec == "snappy" else missing
            yield decompressor.decompress(data, decompressed_size=size, asbytes=True)
            missing -= size


def _exactly(file: ByteFile, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends before its data does")
    return data


def _snappy_size(data: bytes) -> int:
    """What a snappy text begins with: its length, seven bits a byte, the lowest first."""
    size = 0
    for place, byte in enumerate(data):
        size |= (byte & 127) << 7 * place
        if byte < 128:
            break
    return size


DECOMPRESSED: dict[str, Decompress] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "bz2": lambda file: bz2.BZ2File(file, "rb"),  # type: ignore[call-overload]
    "zst": lambda file: pa.CompressedInputStream(file, "zstd"),
    "deflate": lambda file: _Generated(_inflated(file)),
    "snappy": lambda file: _Generated(_hadoop_blocks(file, "snappy")),
    "lz4": lambda file: _Generated(_hadoop_blocks(file, "lz4_raw")),
}
