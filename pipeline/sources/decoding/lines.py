"""Blocks of lines as batches, each line a record of its own: a quote never lasts longer than its line.

A line at whose end a quote is open is malformed, and so is the line that closes it: both are halves of a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

import numpy as np
import pyarrow as pa

from pipeline.sources.decoding.batches import BatchMaker, Ints, Record, merged
from pipeline.sources.decoding.blocks import VISIBLE
from pipeline.sources.decoding.characters import Signs
from pipeline.sources.decoding.decoding import BROKEN_BYTES, broken_records, to_utf8
from pipeline.sources.decoding.fields import FieldParser
from pipeline.sources.decoding.header import Dialect, Header
from pipeline.sources.decoding.line_numbers import LineCounter, with_line_numbers
from pipeline.sources.decoding.quotes import Bools, QuoteRules, joined, line_ends, odd_records, outside

SPACE = 32


class LineParser:
    """Parses blocks of whole lines."""

    def __init__(self, dialect: Dialect, header: Header, maker: BatchMaker, counter: LineCounter | None = None) -> None:
        """For files of one format; with a counter, batches have a column with the numbers of lines."""
        self._encoding, self._fields, self._maker = dialect.encoding, header.fields, maker
        self._counter = counter
        self._rules = QuoteRules(dialect)
        self._parser = FieldParser(Signs.of(dialect))
        # Spark skips a line of white space; it has the right number of fields only in these cases.
        self._may_be_blank = header.fields == 1 or dialect.separator <= " "
        self._quote, self._is_open = dialect.quote, False

    def batches(self, blocks: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        """A batch for each block that has a record."""
        for block in blocks:
            if block and (batch := self._batch(block)).num_rows:
                yield batch

    def _batch(self, block: bytes) -> pa.RecordBatch:
        # pyarrow would check the UTF-8 of the columns that it reads alone.
        data = to_utf8(block, self._encoding)
        # Most files are ASCII, which is known eight times as fast.
        if (data.isascii() or BROKEN_BYTES not in data) and self._is_plain(data):
            try:
                batch = self._numbered(self._maker.of_numbers(data), data)
            except pa.ArrowInvalid:
                pass
            else:
                self._is_open = False
                return batch
        return self._line_by_line(data)

    def _is_plain(self, data: bytes) -> bool:
        """Whether all lines are unambiguous, but for their number of fields."""
        if self._rules.is_beyond_bytes(data):
            return False
        is_quoted = self._rules.is_quoted(data)
        if not is_quoted and not self._may_be_blank:
            return True
        text = np.frombuffer(data, np.uint8)
        ends = line_ends(text, returns=b"\r" in data)
        if self._may_be_blank and (text[np.append(0, ends[ends < len(text) - 1] + 1)] <= SPACE).any():
            return False
        marks = self._rules.marks(data)
        is_balanced = not len(marks.quotes) & 1 and bool(outside(marks.quotes, ends).all())
        return is_balanced and not len(marks.special) and not len(self._rules.misplaced(text, marks))

    def _line_by_line(self, data: bytes) -> pa.RecordBatch:
        starts, stops = _bounds(data)
        visible = _visible(data, starts, stops)
        odd = visible.copy()
        if not self._rules.is_beyond_bytes(data):
            odd[visible] = odd_records(self._rules, data, starts[visible], stops[visible], self._fields)
        odd |= broken_records(data, starts)
        good = joined(data, starts, stops, (visible & ~odd) | (starts == stops))
        records, rows = self._exactly(data, starts, stops, np.flatnonzero(odd))
        parts = [
            (self._maker.of_text(good), np.flatnonzero(visible & ~odd)),
            (self._maker.of_records(records), rows),
        ]
        return self._numbered(merged(parts), data, np.sort(np.concatenate([lines for _, lines in parts])))

    def _numbered(self, batch: pa.RecordBatch, data: bytes, lines: Ints | None = None) -> pa.RecordBatch:
        """A batch with the numbers of its lines, where they are counted; its rows are some lines, or all but empty."""
        if self._counter is None:
            return batch
        starts, stops = _bounds(data)
        starts = starts[stops > starts] if lines is None else starts[lines]
        return with_line_numbers(batch, self._counter.numbers_of(data, starts))

    def _exactly(self, data: bytes, starts: Ints, stops: Ints, lines: Ints) -> tuple[list[Record], Ints]:
        """Some lines as records, headers left out, and the lines that they are."""
        texts = [data[starts[i] : stops[i]].decode() for i in lines.tolist()]
        records = self._with_halves([Record(self._parser.parse(text)[0], text) for text in texts], lines)
        if len(lines) and (starts[lines[-1] + 1 :] < stops[lines[-1] + 1 :]).any():
            self._is_open = False
        kept = [not self._maker.is_header(record) for record in records]
        return list(compress(records, kept)), lines[np.array(kept, np.bool_)]

    def _with_halves(self, records: Sequence[Record], lines: Ints) -> list[Record]:
        """The records, of which those are broken that end within quotes, and the ones that close these.

        A quote stays open from one malformed line to the next.
        """
        marked, is_open, before = list[Record](), self._is_open, -1
        for record, line in zip(records, lines.tolist(), strict=True):
            follows = is_open and line == before + 1
            opens = self._parser.is_open(record.text, record.fields)
            closes = follows and record.text.count(self._quote) % 2 == 1
            marked.append(record._replace(is_broken=opens or closes))
            is_open = opens or (follows and not closes and not self._maker.is_good(record))
            before = line
        self._is_open = is_open
        return marked


def _bounds(data: bytes) -> tuple[Ints, Ints]:
    """Where the lines of a block begin and end."""
    text = np.frombuffer(data, np.uint8)
    ends = line_ends(text, returns=b"\r" in data)
    return np.append(0, ends + 1), np.append(ends, len(text))


def _visible(data: bytes, starts: Ints, stops: Ints) -> Bools:
    """Which lines have more than white space."""
    visible = stops > starts
    text = np.frombuffer(data, np.uint8)
    for i in np.flatnonzero(visible)[text[starts[visible]] <= SPACE].tolist():
        visible[i] = VISIBLE.search(data, starts[i], stops[i]) is not None
    return visible
