"""Compressed files, known by their extensions, as Hadoop's codecs write them.

| ending | what it is for Hadoop |
|---|---|
| `.gz`, `.gzip`, `.bz2`, `.zst` | what the programs of these names write |
| `.deflate` | zlib |
| `.snappy`, `.lz4` | Hadoop's own blocks, which other programs do not write |

Hadoop does not know `.xz`, and `.zip` with one file in it; only Python reads these (`archives.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipeline.sources.decoding.archives import xz_pieces, zip_pieces

_STREAMS = {"gz": "gzip", "gzip": "gzip", "bz2": "bz2", "zst": "zstd"}
_BLOCKS = ("snappy", "lz4")
_ARCHIVES = {"xz": xz_pieces, "zip": zip_pieces}
ENDINGS = frozenset({*_STREAMS, *_BLOCKS, *_ARCHIVES, "deflate"})

_DEFLATED_BYTES = 1 << 16
"""Bytes read at once from a file that zlib decompresses."""

_BLOCK_BYTES = 64 << 20
"""A block of Hadoop's has 256 KB unless it was configured otherwise."""

FREE_BYTES, MOST_TIMES = 64 << 20, 500
"""A compressed file may hold so many bytes, or so many times its own; tables have 3 to 30 times."""


class TooLarge(OSError):
    """A file is sound, but holds more than fits in memory or than its size lets expect."""


def is_compressed(name: str) -> bool:
    """Whether the extension of a name says so, in any case of letters, as with Hadoop."""
    return _ending(name) in ENDINGS


def is_unknown_to_spark(name: str) -> bool:
    """Whether the extension of a name stands for a compression that Hadoop, and so Spark, does not read."""
    return _ending(name) in _ARCHIVES


def decompressed(file: Any, name: str) -> Any:
    """A stream of the decompressed content of a file; the file itself if it is not compressed.

    Args:
        file: from its start on.
        name: of the file, for its ending.

    Raises:
        OSError: when reading finds that the file is no such file, or ends too early.
        TooLarge: when reading finds that it holds far more than files of its size do.
    """
    ending = _ending(name)
    if ending in _STREAMS:
        return _Limited(pa.CompressedInputStream(file, _STREAMS[ending]), file)
    if ending == "deflate":
        return _Limited(_Pieces(_inflated(file)), file)
    if ending in _ARCHIVES:
        return _Limited(_Pieces(_ARCHIVES[ending](file)), file)
    if ending in _BLOCKS:
        return _Limited(_Pieces(_hadoop_blocks(file, ending)), file)
    return file


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


class _Limited:
    """A decompressed stream that ends with an error where it becomes far longer than what was read of its file."""

    def __init__(self, stream: Any, file: Any) -> None:
        self._stream, self._file, self._bytes = stream, file, 0

    def read(self, size: int) -> bytes:
        """Up to so many bytes."""
        data: bytes = self._stream.read(size)
        self._bytes += len(data)
        if self._bytes > FREE_BYTES and self._bytes > MOST_TIMES * self._file.tell():
            raise TooLarge(f"it unpacks to more than {MOST_TIMES} times its size; unpacked, it can be read")
        return data


class _Pieces:
    """A stream of the bytes that an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Up to so many bytes, and fewer only at the end."""
        parts, length = [self._rest], len(self._rest)
        while length < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            length += len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _inflated(file: Any) -> Iterator[bytes]:
    stream = zlib.decompressobj()
    while chunk := file.read(_DEFLATED_BYTES):
        try:
            piece = stream.decompress(chunk)
        except zlib.error as error:
            raise OSError(f"The file cannot be decompressed: {error}") from error
        if piece:
            yield piece
    if not stream.eof:
        raise OSError("The compressed file ends too early.")


def _hadoop_blocks(file: Any, ending: str) -> Iterator[bytes]:
    """Blocks: the length of the content, then parts of it, each with its compressed length; big-endian, 4 bytes."""
    while head := file.read(4):
        left = _length(head)
        while left:
            part = _needed(file, _length(file.read(4)))
            size = _snappy_size(part) if ending == "snappy" else _lz4_size(part)
            if size > min(left, _BLOCK_BYTES) or not size:
                raise OSError("The compressed file is damaged.")
            yield pa.decompress(part, size, codec="snappy" if ending == "snappy" else "lz4_raw", asbytes=True)
            left -= size


def _length(head: bytes) -> int:
    if len(head) < 4:
        raise OSError("The compressed file ends too early.")
    return int.from_bytes(head, "big")


def _needed(file: Any, size: int) -> bytes:
    part: bytes = file.read(size)
    if len(part) < size:
        raise OSError("The compressed file ends too early.")
    return part


def _snappy_size(part: bytes) -> int:
    """The length of the content, which precedes it, seven bits a byte, the lowest first."""
    size = 0
    for position, byte in enumerate(part[:5]):
        size |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            break
    return size


def _lz4_size(part: bytes) -> int:
    """The length of the content, which is the sum of the lengths of all literals and matches."""
    at = size = 0
    while at < len(part):
        token = part[at]
        literals, at = _lz4_length(part, at + 1, token >> 4)
        at += literals
        size += literals
        if at >= len(part):
            break
        match, at = _lz4_length(part, at + 2, token & 15)
        size += match + 4
    return size


def _lz4_length(part: bytes, at: int, length: int) -> tuple[int, int]:
    if length < 15:
        return length, at
    while at < len(part):
        length += part[at]
        at += 1
        if part[at - 1] < 255:
            break
    return length, at
