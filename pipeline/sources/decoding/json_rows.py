"""The rows of one line that is not plain JSON, as Spark makes them of Jackson's tokens.

A line may be a list of objects, each of which is a row. Where a value is broken but the rest can be made sense of, the
line is malformed and its other values are kept, which Spark calls partial results; where it cannot, all are null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.sources.decoding.json_tokens import JsonError, Tokens

Row = list[str | None]


@dataclass(frozen=True)
class OddLine:
    """The rows of a line.

    Attributes:
        rows: the texts of each row; none for a blank line and an empty list.
        malformed: the line where something in it is broken.
    """

    rows: tuple[Row, ...]
    malformed: str | None = None


def parse_line(line: bytes, index_of: Mapping[str, int]) -> OddLine:
    """The rows of a line.

    Args:
        line: without its end.
        index_of: the index in a row of the value of a name.
    """
    try:
        tokens = Tokens(line)
        if tokens.advance() is None:
            return OddLine(())
        rows, broken = _rows(tokens, index_of)
    except JsonError:
        rows, broken = [], True
    if broken:
        return OddLine(tuple(rows or [[None] * len(index_of)]), line.decode("utf-8", "replace"))
    return OddLine(tuple(rows))


def names_in_line(line: bytes) -> tuple[str, ...]:
    """The keys of the objects of a line, in their order; none if it is broken."""
    names: dict[str, None] = {}
    tokens = Tokens(line)
    try:
        first = tokens.advance()
        while first == "{" or (first == "[" and tokens.advance() == "{"):
            while tokens.advance() == "name":
                names[tokens.name or ""] = None
                tokens.advance()
                tokens.skip()
            if first == "{":
                break
    except JsonError:
        return ()
    return tuple(names)


def _rows(tokens: Tokens, index_of: Mapping[str, int]) -> tuple[list[Row], bool]:
    """The rows of an object or a list of objects, and whether something in them is broken."""
    if tokens.token == "{":
        row, broken = _row(tokens, index_of)
        return [row], broken
    if tokens.token != "[":
        raise JsonError
    rows: list[Row] = []
    broken = False
    while (token := tokens.advance()) not in ("]", None):
        if token != "{":
            raise JsonError
        row, odd = _row(tokens, index_of)
        rows.append(row)
        broken |= odd
    return rows, broken


def _row(tokens: Tokens, index_of: Mapping[str, int]) -> tuple[Row, bool]:
    """The last value of each name; an error in a value that is not requested breaks the line."""
    row: Row = [None] * len(index_of)
    broken = False
    while tokens.advance() not in ("}", None):
        index = index_of.get(tokens.name) if tokens.name is not None else None
        if index is None:
            tokens.skip()
            continue
        try:
            row[index] = _value(tokens)
        except JsonError:
            broken = True
            tokens.skip()
    return row, broken


def _value(tokens: Tokens) -> str | None:
    while tokens.token == "name":
        tokens.advance()
    if tokens.token is None or tokens.token == "null":
        return None
    if tokens.token == "string":
        # As Java encodes text: a surrogate that stands alone becomes a question mark.
        return tokens.text().encode("utf-8", "replace").decode()
    start = tokens.start
    tokens.skip()
    return tokens.between(start)
