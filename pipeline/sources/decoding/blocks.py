r"""A part of a file as blocks of whole lines.

A line ends with `\n`, `\r` or `\r\n`, as for Spark's text reader, and belongs to the part in which its first byte is.
Blocks may be cut between `\r` and `\n`. Where parts are, the `\n` belongs to neither, so that the ends of all parts'
lines are those of the file's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.sources.decoding.compressed import TooLarge
from pipeline.sources.decoding.decoding import UTF_8_MARK
from pipeline.sources.decoding.streams import BUFFER_BYTES, ByteStream

LINE_END = re.compile(rb"[\r\n]")
_LINE_CONTENT = re.compile(rb"[^\r\n]+")
VISIBLE = re.compile(rb"[^\x01-\x20]")
"""What a line must have not to be skipped: Java's `trim` takes all else for white space.

It takes NUL for white space too, and Spark skips a line of NULs. Such a line is what a crash leaves of data that did
not reach the disk; here it is malformed.
"""

LINE_BYTES = 16 << 20
"""The longest line: to parse one takes up to ten times as much memory."""


def chunks(stream: ByteStream, length: int | None, size: int) -> Iterator[bytes]:
    """The next `length` bytes, or all, in chunks of `size`."""
    while length is None or length > 0:
        data = stream.read(size if length is None else min(size, length))
        if not data:
            return
        yield data
        length = None if length is None else length - len(data)


def line_blocks(stream: ByteStream, start: int, stop: int | None, size: int) -> Iterator[bytes]:
    """The lines whose first byte is in [start, stop), in blocks of about `size` bytes; some may be empty.

    Args:
        stream: at byte `start - 1`, or at the beginning for `start` 0.
        start: where the part begins in the file.
        stop: where it ends; None is the end of the file.
        size: of a block, in bytes, but for longer lines.

    Raises:
        TooLarge: a line has more than `LINE_BYTES`.
    """
    is_within, ends_with_return, parts = start > 0, False, list[bytes]()
    length = None if stop is None else stop - max(start - 1, 0)
    for data in chunks(stream, length, size):
        first = _first_end(data) if is_within else 0
        if is_within and not first:
            continue
        ends_with_return = data[first - 1 : first] == b"\r" if is_within else ends_with_return
        if ends_with_return and first < len(data):
            first += data[first : first + 1] == b"\n"
            ends_with_return = False
        is_within = False
        last = _last_end(data)
        if last > first:
            yield b"".join([*parts, memoryview(data)[first:last]])
        parts = [data[last:]] if last else [*parts, data]
        check_length(sum(map(len, parts)))
    if not is_within and any(parts):
        yield b"".join([*parts, *_rest_of_line(stream, sum(map(len, parts)))])


def check_length(length: int) -> None:
    """Refuse a line or a record that has so many bytes and has not ended.

    Raises:
        TooLarge: it has more than `LINE_BYTES`.
    """
    if length > LINE_BYTES:
        raise TooLarge(f"a line, or a field between quotes, has more than {LINE_BYTES >> 20} MB")


def without_mark(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks from the start of a file without UTF-8's byte order mark, which Hadoop removes from any text."""
    for block in blocks:
        yield block.removeprefix(UTF_8_MARK)
        break
    yield from blocks


def without_first_line(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks with nothing left but line ends of the first line that is not skipped, and of those before it."""
    for block in blocks:
        visible = VISIBLE.search(block)
        end = None if visible is None else LINE_END.search(block, visible.start())
        after = len(block) if end is None else end.end()
        yield _LINE_CONTENT.sub(b"", block[:after]) + block[after:]
        if visible is not None:
            break
    yield from blocks


def parts_of(block: bytes, part_bytes: int) -> Iterator[bytes]:
    """A block of lines that end with line feeds, cut into parts of about the given size."""
    at = 0
    while at < len(block):
        end = block.rfind(b"\n", at, at + part_bytes) + 1 or block.find(b"\n", at) + 1
        yield block[at:end]
        at = end


def first_line_start(stream: ByteStream) -> int:
    """The offset of the first line that is not skipped; the size of the file if there is none."""
    at, start = 0, 0
    for data in chunks(stream, None, BUFFER_BYTES):
        visible = VISIBLE.search(data, len(UTF_8_MARK) if not at and data.startswith(UTF_8_MARK) else 0)
        before = data if visible is None else data[: visible.start()]
        if last := _last_end(before):
            start = at + last
        if visible is not None:
            return start
        at += len(data)
    return at


def _first_end(data: bytes) -> int:
    """The offset after the first line end; 0 if there is none."""
    match = LINE_END.search(data)
    return 0 if match is None else match.end()


def _last_end(data: bytes) -> int:
    """The offset after the last line end; 0 if there is none."""
    return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def _rest_of_line(stream: ByteStream, length: int) -> Iterator[bytes]:
    """What is left of a line of which `length` bytes were read."""
    for data in chunks(stream, None, BUFFER_BYTES):
        end = _first_end(data)
        yield data[:end] if end else data
        if end:
            break
        length += len(data)
        check_length(length)
