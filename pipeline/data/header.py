"""The header of a CSV or TSV file, read by ourselves so that no name is changed and no field is shifted.

R's `write.table` puts a row name in front of every line and none into the header:

    "price" "rooms"         <- 2 names
    "1"     280000  6       <- 3 fields

A header with exactly one name fewer than the first line of data has fields means that; the unnamed first field is
skipped. A line that merely ends with a separator looks alike, and is not taken for it.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import DataError


@dataclass(frozen=True)
class Header:
    """What the first lines of a file tell.

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
        """Which field of a line a column is."""
        return self.names.index(name) + self.unnamed


def parse_header(head: bytes, separator: str, origin: str) -> Header:
    """The header of a file that begins with `head`.

    Raises:
        DataError: the file is no UTF-8 text, or has no line.
    """
    text = _text(head, origin)
    lines = _lines(text, separator, origin)
    names = next(lines, None)
    if names is None:
        raise DataError(f"File '{origin}' is empty. Its first line must name the columns.")
    first = next(lines, [])
    unnamed = len(first) == len(names) + 1 and first[0] != "" and first[-1] != ""
    return Header(tuple(names), text.lstrip("\r\n").splitlines()[0], unnamed)


def _text(head: bytes, origin: str) -> str:
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise DataError(
            f"File '{origin}' is not UTF-8 text (byte {error.start}). Convert it, or correct data.source.format."
        ) from error


def _lines(text: str, separator: str, origin: str) -> Iterator[list[str]]:
    """The non-empty lines, split into fields."""
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise DataError(f"File '{origin}' cannot be read as delimited text: {error}.") from error
