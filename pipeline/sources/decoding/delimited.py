"""CSV and TSV read in pieces, with the rows of Spark's reader.

Spark's rows are those of `pipeline.preparation.reading.delimited`: fields are text, an empty one is null, and a record
with too few or too many of them, or with bytes that are no text, is kept apart with its text. Only a line of NULs is
malformed here, while Spark skips it. Where a record leaves no doubt pyarrow splits it; all others are split by
Spark's own rules (`pipeline.sources.decoding.fields`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.sources.decoding.batches import NO_NUMBERS, BatchMaker, NumberFields
from pipeline.sources.decoding.blocks import chunks, first_line_start, line_blocks, without_first_line, without_mark
from pipeline.sources.decoding.compressed import is_compressed
from pipeline.sources.decoding.decoding import is_ascii_compatible, utf8_chunks
from pipeline.sources.decoding.header import HEAD_BYTES, Dialect, Header
from pipeline.sources.decoding.line_numbers import LineCounter
from pipeline.sources.decoding.lines import LineParser
from pipeline.sources.decoding.pieces import PIECE_BYTES, Piece
from pipeline.sources.decoding.records import GrowingText, RecordParser
from pipeline.sources.decoding.streams import OpenFile, open_stream


class SourceFile(Protocol):
    """A file of a source, and its size."""

    @property
    def uri(self) -> str:
        """Its address."""
        ...

    @property
    def bytes(self) -> int:
        """Its size, in bytes."""
        ...


@dataclass(frozen=True)
class DelimitedFormat:
    """How the files of one source are read.

    Attributes:
        dialect: how text becomes fields.
        header: which fields there are; where it is R's, short of one, the lines that repeat it are left out.
        multiline: whether a quoted field may hold line breaks.
        header_line: whether the first line of a file is left out.
    """

    dialect: Dialect
    header: Header
    multiline: bool
    header_line: bool

    @property
    def is_whole(self) -> bool:
        """Whether a file can only be read as a whole."""
        return self.multiline or not is_ascii_compatible(self.dialect.encoding)


def plan_pieces(
    files: Sequence[SourceFile], format: DelimitedFormat, piece_bytes: int = PIECE_BYTES
) -> tuple[Piece, ...]:
    """The pieces of all files, in order, of `piece_bytes` each but for the last one of a file."""
    return tuple(piece for file in files if file.bytes for piece in _pieces(file, format, piece_bytes))


def _pieces(file: SourceFile, format: DelimitedFormat, piece_bytes: int) -> Iterator[Piece]:
    if format.is_whole or is_compressed(file.uri):
        yield Piece(file.uri, 0, None)
    else:
        for start in range(0, file.bytes, piece_bytes):
            yield Piece(file.uri, start, min(start + piece_bytes, file.bytes))


def read_piece(
    open_file: OpenFile,
    piece: Piece,
    format: DelimitedFormat,
    columns: Sequence[int],
    *,
    numbers: NumberFields = NO_NUMBERS,
    numbered: bool = False,
    block_bytes: int = 8 << 20,
) -> Iterator[pa.RecordBatch]:
    """The records that begin in a piece, in the order of the file.

    Args:
        open_file: gives the file of a URI, at its first byte.
        piece: what to read.
        format: of the file.
        columns: indices of fields.
        numbers: which of them may come as doubles.
        numbered: whether batches have `LINE` as their last column, counted from the piece's first line.
        block_bytes: how much is read and parsed at once; a few times as much is held.

    Yields:
        Batches with the text columns `r0`, `r1`, ... in the order of `columns`, of which `numbers` may be doubles, and
        `__malformed`. Null stands for an empty field, and in `__malformed` for a record of valid text
        with as many fields as wanted.

    Raises:
        DataError: the file is damaged, or Spark could not read it either.
    """
    _check_signs(format.dialect)
    maker = BatchMaker(format.dialect, format.header, columns, numbers)
    counter = LineCounter() if numbered else None
    read = _records if format.is_whole else _lines
    yield from (batch for batch in read(open_file, piece, format, maker, counter, block_bytes) if batch.num_rows)


def _records(
    open_file: OpenFile,
    piece: Piece,
    format: DelimitedFormat,
    maker: BatchMaker,
    counter: LineCounter | None,
    block_bytes: int,
) -> Iterator[pa.RecordBatch]:
    with open_stream(open_file, piece.uri) as stream:
        text = GrowingText(utf8_chunks(chunks(stream, None, block_bytes), format.dialect.encoding))
        parser = RecordParser(format.dialect, format.header, maker, counter)
        yield from parser.batches(text, header_line=format.header_line)


def _lines(
    open_file: OpenFile,
    piece: Piece,
    format: DelimitedFormat,
    maker: BatchMaker,
    counter: LineCounter | None,
    block_bytes: int,
) -> Iterator[pa.RecordBatch]:
    skips_line = format.header_line and _may_have_header(open_file, piece)
    with open_stream(open_file, piece.uri, at=max(piece.start - 1, 0)) as stream:
        blocks = line_blocks(stream, piece.start, piece.stop, block_bytes)
        if piece.start == 0:
            blocks = without_mark(blocks)
        if skips_line:
            blocks = without_first_line(blocks)
        yield from LineParser(format.dialect, format.header, maker, counter).batches(blocks)


def _may_have_header(open_file: OpenFile, piece: Piece) -> bool:
    """Whether every line before the piece is skipped."""
    if 0 < piece.start < HEAD_BYTES:
        with open_stream(open_file, piece.uri) as stream:
            return first_line_start(stream) >= piece.start
    return piece.start == 0


def _check_signs(dialect: Dialect) -> None:
    signs = (dialect.separator, dialect.quote, dialect.escape or "")
    wide = next((sign for sign in signs if sign > "\uffff"), None)
    if wide is not None or dialect.separator == "\\":
        raise DataError(
            f"Spark cannot read fields between '{dialect.separator}', with quote '{dialect.quote}' and escape "
            f"'{dialect.escape or ''}'. Allowed: characters of Unicode's first plane, and no backslash as separator."
        )
