"""Where the quotes of a text are, and which records have unambiguous fields.

In such a record every quote opens a field, right after a separator or the record's beginning, or closes it right before
a separator or the record's end, or stands for itself in the midst of a quoted field: doubled, or behind an escape. An
escape is there before a quote or another escape within quotes only. These records pyarrow and Spark read alike.

Quotes are counted from the beginning of a record on: those at even positions open, those at odd ones close, and two
that are one within a field close it and open it again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.sources.decoding.batches import Ints
from pipeline.sources.decoding.characters import NONE
from pipeline.sources.decoding.header import Dialect

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

LINE_FEED, RETURN = 10, 13
NOWHERE: Ints = np.zeros(0, np.int64)


class Marks(NamedTuple):
    """What is found in a text, as positions of bytes in order; nothing where nothing is quoted.

    Attributes:
        quotes: that open or close.
        escapes: that stand before a quote or an escape.
        special: NUL, and other escapes; only univocity's rules tell what they mean.
    """

    quotes: Ints
    escapes: Ints
    special: Ints


class QuoteRules:
    """What a dialect's signs mean for the bytes of a UTF-8 text.

    Attributes:
        separator: the byte between fields; None where it is no ASCII character, which pyarrow cannot do.
        has_quote: whether the dialect has quotes.
    """

    def __init__(self, dialect: Dialect) -> None:
        """The rules of a dialect."""
        self.separator = ord(dialect.separator) if dialect.separator.isascii() else None
        self.has_quote = bool(dialect.quote)
        self._quote = (dialect.quote or NONE).encode()
        is_doubled = dialect.escape in (None, dialect.quote)
        self._escape = b"" if is_doubled else (dialect.escape or "").encode()
        self._is_beside = np.zeros(256, np.bool_)
        self._is_beside[[LINE_FEED, RETURN]] = True
        self._is_beside[list(dialect.separator.encode()[:1])] = True
        self._is_beside[list(self._quote[:1])] = is_doubled

    def is_quoted(self, data: bytes) -> bool:
        """Whether a text may hold quoted fields."""
        return self._quote in data

    def is_beyond_bytes(self, data: bytes) -> bool:
        """Whether signs that count are longer than a byte."""
        wide = [sign for sign in (self._quote, self._escape) if len(sign) > 1]
        return self.separator is None or any(sign in data for sign in wide)

    def marks(self, data: bytes) -> Marks:
        """Where the quotes are, and what else counts."""
        quotes = _positions(data, self._quote[:1])
        if not self.has_quote or not len(quotes):
            return Marks(NOWHERE, NOWHERE, quotes)
        special, escapes = _positions(data, NONE.encode()), _positions(data, self._escape[:1])
        if not len(escapes):
            return Marks(quotes, escapes, special)
        text = np.frombuffer(data, np.uint8)
        escapes = escapes[_is_even_in_run(escapes)]
        escaped = _taken(text, escapes + 1)
        is_vain = (escaped != self._quote[0]) & (escaped != self._escape[0])
        quotes = np.setdiff1d(quotes, escapes + 1, assume_unique=True)
        return Marks(quotes, escapes[~is_vain], np.union1d(special, escapes[is_vain]))

    def misplaced(self, text: Bytes, marks: Marks) -> Ints:
        """Quotes neither at the edge of a field nor doubled, and escapes outside of quotes; quotes open and close."""
        opening, closing = marks.quotes[0::2], marks.quotes[1::2]
        opening = opening[~self._is_beside[_taken(text, opening - 1)]]
        closing = closing[~self._is_beside[_taken(text, closing + 1)]]
        escapes = marks.escapes[outside(marks.quotes, marks.escapes)]
        return np.sort(np.concatenate([opening, closing, escapes]))


def outside(quotes: Ints, positions: Ints) -> Bools:
    """Which of some positions are not within quotes."""
    is_outside: Bools = (np.searchsorted(quotes, positions) & 1) == 0
    return is_outside


def line_ends(text: Bytes, *, returns: bool) -> Ints:
    """Where the line feeds are, and the carriage returns."""
    is_end = text == LINE_FEED
    return np.flatnonzero(is_end | (text == RETURN) if returns else is_end)


def odd_records(rules: QuoteRules, data: bytes, starts: Ints, stops: Ints, fields: int) -> Bools:
    """Which records [start, stop) have another number of fields, or doubtful quotes; in order, none of them empty."""
    text, marks = np.frombuffer(data, np.uint8), rules.marks(data)
    separators = np.flatnonzero(text == rules.separator)
    is_uneven = (_count(marks.quotes, starts, stops) & 1) == 1
    # Without these, the quotes of all others open and close by turns.
    quotes = _within(marks.quotes, starts[~is_uneven], stops[~is_uneven])
    even = Marks(quotes, marks.escapes, marks.special)
    if len(quotes):
        separators = separators[outside(quotes, separators)]
    doubts = np.union1d(marks.special, rules.misplaced(text, even))
    odd: Bools = is_uneven | (_count(separators, starts, stops) != fields - 1) | (_count(doubts, starts, stops) > 0)
    return odd


def joined(data: bytes, starts: Ints, stops: Ints, wanted: Bools) -> bytes:
    """The records that are wanted, each with a line end."""
    edges = np.flatnonzero(np.diff(wanted, prepend=False, append=False))
    runs = zip(starts[edges[0::2]].tolist(), stops[edges[1::2] - 1].tolist(), strict=True)
    return b"".join(data[start:stop] + b"\n" for start, stop in runs)


def _positions(data: bytes, sign: bytes) -> Ints:
    """Where a byte is; nowhere if it is none."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == sign[0]) if sign and sign in data else NOWHERE


def _taken(text: Bytes, positions: Ints) -> Bytes:
    """The bytes at some positions, a line feed where they are before or behind the text."""
    octets = text[np.clip(positions, 0, len(text) - 1)]
    octets[(positions < 0) | (positions == len(text))] = LINE_FEED
    return octets


def _is_even_in_run(positions: Ints) -> Bools:
    """Which positions are the first, third ... of those that follow each other directly."""
    index = np.arange(len(positions))
    is_first = np.append(True, np.diff(positions) > 1)
    is_even: Bools = ((index - np.maximum.accumulate(np.where(is_first, index, 0))) & 1) == 0
    return is_even


def _count(positions: Ints, starts: Ints, stops: Ints) -> Ints:
    """How many positions are in each record."""
    count: Ints = np.searchsorted(positions, stops) - np.searchsorted(positions, starts)
    return count


def _within(positions: Ints, starts: Ints, stops: Ints) -> Ints:
    """The positions that are in a record."""
    if len(positions) == _count(positions, starts, stops).sum():
        return positions
    edges: Ints = np.stack([starts, stops], axis=1).ravel()
    return positions[~outside(edges, positions + 1)]
