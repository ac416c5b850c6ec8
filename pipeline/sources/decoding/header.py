"""The first line of a delimited file: its column names, and whether the lines below have one field more.

A file may also have no header; its columns are then named by the configuration, or `c0`, `c1`, ...

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
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from pipeline.errors import DataError
from pipeline.formatting import counted
from pipeline.sources.decoding.decoding import REPLACEMENT

BYTE_ORDER_MARK = "\ufeff"
HEAD_BYTES = 1 << 20
"""What is read of a file's start for its header, which must end there."""
FEW_LINES, SMALL_SHARE = 10, 0.1
"""So many lines at the start of a file, or this share of them, may hold bytes that are no text: they are malformed
lines, and the file is not one of another encoding."""

EVIDENCE_LINES, EVIDENCE_SHARE = 1000, 0.9
"""So many lines below the header are looked at for R's row names, and this share of them must begin with one."""


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INDEX = re.compile(r"\d{1,4}")


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
        DataError: the file is no text of this encoding, but for a few lines below the header, has no line, or its
            first line does not end in `head`.
    """
    text = _text(head, dialect.encoding, origin)
    if len(head) >= HEAD_BYTES and len(text.lstrip("\r\n").splitlines()) == 1:
        raise DataError(
            f"The first line of file '{origin}', which must name the columns, has more than {HEAD_BYTES >> 20} MB. "
            "Correct the file, data.source.encoding or data.source.format."
        )
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


def headless(head: bytes, dialect: Dialect, names: Sequence[str], origin: str) -> Header:
    """The columns of a file without a header, whose first line tells how many there are.

    Args:
        head: how the file begins.
        dialect: how text becomes fields.
        names: of the columns; none for `c0`, `c1`, ...
        origin: the file, for messages.

    Raises:
        DataError: the file has no line, or one with another number of fields, or is no text of this encoding.
    """
    text = _text(head, dialect.encoding, origin)
    first = next(_lines(text, dialect, origin), None)
    if first is None:
        raise DataError(f"File '{origin}' is empty. Correct data.source.path.")
    if names and len(first) != len(names):
        raise DataError(
            f"File '{origin}' has {counted(len(first), 'field')} in its first line. Allowed: {len(names)}, as many as "
            "data.source.columns has names. Correct data.source.columns or data.source.separator."
        )
    return Header(tuple(names) or tuple(f"c{i}" for i in range(len(first))), "")


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether names of columns are rather the values of a row: some are numbers, and not years or positions.

    A table may have columns `2019`, `2020`, ... or `0`, `1`, ...: distinct whole numbers in ascending order.
    """
    numbers = [name.strip() for name in names if _NUMBER.fullmatch(name.strip())]
    if not all(_INDEX.fullmatch(number) for number in numbers):
        return True
    indices = [int(number) for number in numbers]
    return any(following <= index for index, following in pairwise(indices))


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
