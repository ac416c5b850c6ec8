"""Blocks of lines as batches, each line a record of its own: a quote never lasts longer than its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress

import numpy as np
import pyarrow as pa

from pipeline.sources.decoding.batches import BatchMaker, Ints, Record, merged
from pipeline.sources.decoding.blocks import VISIBLE
from pipeline.sources.decoding.characters import Signs
from pipeline.sources.decoding.decoding import to_utf8
from pipeline.sources.decoding.fields import FieldParser
from pipeline.sources.decoding.header import Dialect, Header
from pipeline.sources.decoding.quotes import Bools, QuoteRules, joined, line_ends, odd_records, outside

SPACE = 32


class LineParser:
    """Parses blocks of whole lines."""

    def __init__(self, dialect: Dialect, header: Header, maker: BatchMaker) -> None:
        """For files of one format."""
        self._encoding, self._fields, self._maker = dialect.encoding, header.fields, maker
        self._rules = QuoteRules(dialect)
        self._parser = FieldParser(Signs.of(dialect))
        # Spark skips a line of white space; it has the right number of fields only in these cases.
        self._may_be_blank = header.fields == 1 or dialect.separator <= " "

    def batches(self, blocks: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        """A batch for each block that has a record."""
        for block in blocks:
            if block and (batch := self._batch(block)).num_rows:
                yield batch

    def _batch(self, block: bytes) -> pa.RecordBatch:
        # pyarrow checks UTF-8 while it reads.
        data = block if self._encoding == "utf-8" else to_utf8(block, self._encoding)
        if self._is_plain(data):
            try:
                return self._maker.of_numbers(data)
            except pa.ArrowInvalid:
                pass
        return self._line_by_line(to_utf8(block, self._encoding))

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
        text = np.frombuffer(data, np.uint8)
        ends = line_ends(text, returns=b"\r" in data)
        starts, stops = np.append(0, ends + 1), np.append(ends, len(text))
        visible = _visible(data, starts, stops)
        odd = visible.copy()
        if not self._rules.is_beyond_bytes(data):
            odd[visible] = odd_records(self._rules, data, starts[visible], stops[visible], self._fields)
        good = joined(data, starts, stops, (visible & ~odd) | (starts == stops))
        records, rows = self._exactly(data, starts, stops, np.flatnonzero(odd))
        parts = [
            (self._maker.of_text(good), np.flatnonzero(visible & ~odd)),
            (self._maker.of_records(records), rows),
        ]
        return merged(parts)

    def _exactly(self, data: bytes, starts: Ints, stops: Ints, lines: Ints) -> tuple[list[Record], Ints]:
        """Some lines as records, headers left out, and the lines that they are."""
        texts = [data[starts[i] : stops[i]].decode() for i in lines.tolist()]
        records = [Record(self._parser.parse(text)[0], text) for text in texts]
        kept = [not self._maker.is_header(record) for record in records]
        return list(compress(records, kept)), lines[np.array(kept, np.bool_)]


def _visible(data: bytes, starts: Ints, stops: Ints) -> Bools:
    """Which lines have more than white space."""
    visible = stops > starts
    text = np.frombuffer(data, np.uint8)
    for i in np.flatnonzero(visible)[text[starts[visible]] <= SPACE].tolist():
        visible[i] = VISIBLE.search(data, starts[i], stops[i]) is not None
    return visible
