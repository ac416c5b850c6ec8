"""The first line of a delimited file: its column names, and whether the lines below have one field more.

R's `write.table` puts a row name in front of every line and none into the header:

    "price" "rooms"         <- 2 names
    "1"     280000  6       <- 3 fields

A header with exactly one name fewer than nearly all lines below have fields means that, if the first fields differ from
line to line, as R's row names do; the unnamed first field is skipped. Lines that merely end with a separator, or whose
numbers have decimal commas without quotes, look alike, and are not taken for it.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pipeline.errors import DataError

BYTE_ORDER_MARK, REPLACEMENT = "\ufeff", "\ufffd"
FEW_LINES, SMALL_SHARE = 10, 0.1
"""So many lines at the start of a file, or this share of them, may hold bytes that are no text: they are malformed
lines, and the file is not one of another encoding."""

EVIDENCE_LINES, EVIDENCE_SHARE = 1000, 0.9
"""So many lines below the header are looked at for R's row names, and this share of them must begin with one."""


@dataclass(frozen=True)
class Dialect:
    """How a text is split into fields.

    Attributes:
        separator: between fields.
        quote: around fields; empty where there are no quotes.
        escape: before a quote within a quoted field; None where it is doubled.
        encoding: of the text.
    """

    separator: str
    quote: str = '"'
    escape: str | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Header:
    """What the first lines of a file say about its columns.

    Attributes:
        names: of the columns, in order.
        text: the line that names them.
        unnamed: whether every other line begins with one field more, which has no name.
    """

    names: tuple[str, ...]
    text: str
    unnamed: bool = False

    @property
    def fields(self) -> int:
        """How many fields every line must have."""
        return len(self.names) + self.unnamed

    def index(self, name: str) -> int:
        """The index of a column's field in a line."""
        return self.names.index(name) + self.unnamed


def parse_header(head: bytes, dialect: Dialect, origin: str) -> Header:
    """The header of a file that begins with `head`.

    Raises:
        DataError: the file is no text of this encoding, but for a few lines below the header, or has no line.
    """
    text = _text(head, dialect.encoding, origin)
    lines = _lines(text, dialect, origin)
    names = next(lines, None)
    if names is None:
        raise DataError(f"File '{origin}' is empty. Its first line must name the columns.")
    return Header(tuple(names), text.lstrip("\r\n").splitlines()[0], _have_row_names(lines, len(names)))


def _have_row_names(lines: Iterator[list[str]], names: int) -> bool:
    """Whether the lines below a header begin with R's row names, which are never empty and all different."""
    seen, row_names = 0, list[str]()
    for fields in islice(lines, EVIDENCE_LINES):
        seen += 1
        if len(fields) == names + 1 and fields[0] != "" and fields[-1] != "":
            row_names.append(fields[0])
    return 0 < EVIDENCE_SHARE * seen <= len(row_names) == len(set(row_names))


def _text(head: bytes, encoding: str, origin: str) -> str:
    # Java, which reads the rows, takes UTF-16 without a mark for big-endian; Python goes by the machine.
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    codec = "utf-16be" if encoding == "utf-16" and not marked else encoding
    decoder = codecs.getincrementaldecoder(codec)
    try:
        return decoder().decode(head).removeprefix(BYTE_ORDER_MARK)
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):
            text = decoder("replace").decode(head).removeprefix(BYTE_ORDER_MARK)
            if _is_text(text):
                return text
        position = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(
            f"File '{origin}' is not {encoding.upper()} text{position}. "
            "Correct data.source.encoding or data.source.format."
        ) from error


def _is_text(text: str) -> bool:
    """Whether only a few lines below the header have bytes that are no text."""
    lines = [line for line in text.splitlines() if line]
    broken = sum(REPLACEMENT in line for line in lines)
    return REPLACEMENT not in lines[0] and broken <= max(FEW_LINES, SMALL_SHARE * len(lines))


def _lines(text: str, dialect: Dialect, origin: str) -> Iterator[list[str]]:
    """The non-empty lines, split into fields."""
    csv.field_size_limit(1 << 30)
    escape = None if dialect.escape == dialect.quote else dialect.escape
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=escape,
        doublequote=escape is None,
    )
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise DataError(f"File '{origin}' cannot be read as delimited text: {error}.") from error
