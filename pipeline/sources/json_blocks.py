"""The lines of a range of bytes, in blocks.

A line ends at a line feed, a carriage return, or both, as Hadoop's reader has it; it belongs to the range in which its
first byte is. Empty lines mean nothing here, so that each of the two signs may count as an end of its own, and a range
may begin between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OVER_BYTES = 1 << 16
"""Read at once behind the range, to where its last line ends."""


def line_blocks(file: Any, start: int, stop: int | None, block_bytes: int) -> Iterator[bytes]:
    """Blocks of whole lines, each with a line feed behind it, without the byte order mark of the file.

    In memory are one block and what is read of the next, unless a line is longer.

    Args:
        file: what has `read` and, unless `start` is 0, `seek`.
        start: of the range, in bytes.
        stop: where the range ends; None for the end of the file.
        block_bytes: read at once.
    """
    begun: list[bytes] = []
    for chunk, inside in _chunks(file, start, stop, block_bytes):
        if not inside and not any(begun):
            return
        end = (chunk.rfind(b"\n") if inside else chunk.find(b"\n")) + 1
        if not end:
            begun.append(chunk)
            continue
        yield b"".join([*begun, chunk[:end]])
        if not inside:
            return
        begun = [chunk[end:]]
    if any(begun):
        yield b"".join([*begun, b"\n"])


def parts_of(block: bytes, part_bytes: int) -> Iterator[bytes]:
    """A block of lines in smaller ones, which have about the given size."""
    at = 0
    while at < len(block):
        end = block.rfind(b"\n", at, at + part_bytes) + 1 or block.find(b"\n", at) + 1
        yield block[at:end]
        at = end


def _chunks(file: Any, start: int, stop: int | None, block_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """From the first line that begins in a range on; and whether a chunk is of the range or behind it."""
    if start == 0:
        yield from _opened(file, stop, block_bytes)
        return
    # The byte in front tells whether a line begins at `start`.
    file.seek(start - 1)
    found = False
    for chunk, inside in _reads(file, start - 1, stop, block_bytes):
        if found or not inside:
            yield chunk, inside
        elif end := chunk.find(b"\n") + 1:
            found = True
            yield chunk[end:], inside


def _opened(file: Any, stop: int | None, block_bytes: int) -> Iterator[tuple[bytes, bool]]:
    head: bytes = file.read(len(BYTE_ORDER_MARK))
    if head and head != BYTE_ORDER_MARK:
        plain, end = head.replace(b"\r", b"\n"), len(head) if stop is None else min(stop, len(head))
        yield plain[:end], True
        if plain[end:]:
            yield plain[end:], False
    yield from _reads(file, len(head), stop, block_bytes)


def _reads(file: Any, at: int, stop: int | None, block_bytes: int) -> Iterator[tuple[bytes, bool]]:
    while True:
        inside = stop is None or at < stop
        size = OVER_BYTES if not inside else block_bytes if stop is None else min(block_bytes, stop - at)
        chunk: bytes = file.read(size)
        if not chunk:
            return
        at += len(chunk)
        yield (chunk.replace(b"\r", b"\n") if b"\r" in chunk else chunk), inside
