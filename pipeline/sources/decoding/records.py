r"""Files in which a quoted field may hold line breaks, as batches, from the beginning to the end.

What ends a record is told by the first line end of the file, `\n`, `\r` or `\r\n`, and is `\n` where it stands within
quotes, as for univocity. A line of white space is a record here, an empty one is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipeline.sources.decoding.batches import BatchMaker, Ints, Record, merged
from pipeline.sources.decoding.blocks import check_length
from pipeline.sources.decoding.characters import Signs, TextEnded
from pipeline.sources.decoding.decoding import BROKEN_BYTES, broken_records
from pipeline.sources.decoding.fields import FieldParser
from pipeline.sources.decoding.header import Dialect, Header
from pipeline.sources.decoding.line_numbers import LineCounter, with_line_numbers
from pipeline.sources.decoding.quotes import LINE_FEED, NOWHERE, RETURN, Bytes, QuoteRules, joined, odd_records, outside

SEARCHED_CHARACTERS = 1 << 20
"""How far univocity looks for a line end: its buffer."""

_LINES = re.compile("[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LINE_END = re.compile("\r\n?|\n")


class GrowingText:
    """What is read of a file and not yet used.

    Attributes:
        data: valid UTF-8.
        is_last: whether nothing comes behind it.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """`chunks` are valid UTF-8, each of whole characters."""
        self._chunks = chunks
        self.data, self.is_last = b"", False

    def grow(self) -> None:
        """Reads as much again as there is, so that a very long record is not looked at too often.

        Raises:
            TooLarge: a record has more than `LINE_BYTES`.
        """
        check_length(len(self.data))
        parts, missing = [self.data], len(self.data) + 1
        while missing > 0 and not self.is_last:
            chunk = next(self._chunks, None)
            self.is_last = chunk is None
            parts.append(chunk or b"")
            missing -= len(parts[-1])
        self.data = b"".join(parts)

    def use(self, size: int) -> None:
        """Takes bytes away from the front."""
        self.data = self.data[size:]


class RecordParser:
    """Parses one file."""

    def __init__(self, dialect: Dialect, header: Header, maker: BatchMaker, counter: LineCounter | None = None) -> None:
        """For a file of this format; with a counter, batches have a column with the numbers of lines."""
        self._counter = counter
        self._signs, self._fields, self._maker = Signs.of(dialect), header.fields, maker
        self._rules = QuoteRules(dialect)
        self._line_end, self._parser = "\n", FieldParser(self._signs)

    def batches(self, text: GrowingText, *, header_line: bool) -> Iterator[pa.RecordBatch]:
        """The batches of a file; with a `header_line` without its first record."""
        self._find_line_end(text)
        if header_line:
            self._skip_record(text)
        while text.data or not text.is_last:
            ends, is_clean = self._clear_ends(text.data)
            if len(ends):
                cut = int(ends[-1]) + 1
                yield self._clear_batch(text.data[:cut], ends)
                text.use(cut)
            if text.data and (text.is_last or not is_clean):
                yield self._exact_batch(text)
            text.grow()

    def _find_line_end(self, text: GrowingText) -> None:
        is_found = False
        while not is_found and not text.is_last:
            text.grow()
            head = text.data[: 4 * SEARCHED_CHARACTERS].decode(errors="ignore")[:SEARCHED_CHARACTERS]
            match = _LINE_END.search(head)
            self._line_end = match.group() if match else "\n"
            is_found = len(head) == SEARCHED_CHARACTERS or (match is not None and match.end() < len(head))
        self._parser = FieldParser(self._signs, self._line_end)

    def _skip_record(self, text: GrowingText) -> None:
        fields, head = list[str](), ""
        while not fields and (text.data or not text.is_last):
            head = text.data.decode()
            try:
                fields, end = self._parser.parse(head, is_last=text.is_last)
            except TextEnded:
                text.grow()
            else:
                record = head[:end].encode()
                if self._counter is not None:
                    self._counter.skip(record)
                text.use(len(record))
                if not text.data:
                    text.grow()

    def _clear_ends(self, data: bytes) -> tuple[Ints, bool]:
        """Where the records end that come before the first doubtful one, and whether there is none such."""
        if self._rules.is_beyond_bytes(data) or (self._line_end == "\r" and b"\n" in data):
            return NOWHERE, False
        text = np.frombuffer(data, np.uint8)
        marks = self._rules.marks(data)
        doubts = [self._rules.misplaced(text, marks), marks.special, self._other_ends(data, text, marks.quotes)]
        doubt = min((int(positions[0]) for positions in doubts if len(positions)), default=len(text))
        ends = np.flatnonzero(text == (RETURN if self._line_end == "\r" else LINE_FEED))
        ends = ends[: np.searchsorted(ends, doubt)]
        return ends[outside(marks.quotes, ends)], doubt == len(text)

    def _other_ends(self, data: bytes, text: Bytes, quotes: Ints) -> Ints:
        """Line feeds and carriage returns outside of quotes that do not end a record."""
        if self._line_end == "\r" or (self._line_end == "\n" and b"\r" not in data):
            return NOWHERE
        alone = np.flatnonzero(text == RETURN)
        if self._line_end == "\r\n":
            feeds = np.flatnonzero(text == LINE_FEED)
            if np.array_equal(alone + 1, feeds):
                return NOWHERE
            alone = np.union1d(np.setdiff1d(alone, feeds - 1), np.setdiff1d(feeds, alone + 1))
        return alone[outside(quotes, alone)]

    def _clear_batch(self, data: bytes, ends: Ints) -> pa.RecordBatch:
        if BROKEN_BYTES in data:
            return self._record_by_record(data, ends)
        try:
            batch = self._maker.of_numbers(self._with_line_feeds(data))
            return self._numbered(batch, data, ends)
        except pa.ArrowInvalid:
            return self._record_by_record(data, ends)

    def _with_line_feeds(self, data: bytes) -> bytes:
        """What is read of line ends within quotes; all others pyarrow knows as they are."""
        is_other = self._line_end != "\n" and self._rules.is_quoted(data)
        return data.replace(self._line_end.encode(), b"\n") if is_other else data

    def _record_by_record(self, data: bytes, ends: Ints) -> pa.RecordBatch:
        starts, stops = self._bounds(ends)
        filled = starts < stops
        odd = np.zeros(len(starts), np.bool_)
        odd[filled] = odd_records(self._rules, data, starts[filled], stops[filled], self._fields)
        odd |= broken_records(data, starts)
        good, rows = joined(data, starts, stops, filled & ~odd), list[int]()
        records = list[Record]()
        for i in np.flatnonzero(odd).tolist():
            fields, _ = self._parser.parse(data[starts[i] : ends[i] + 1].decode())
            record = Record(fields, data[starts[i] : stops[i]].decode())
            if not self._maker.is_header(record):
                lines = self._physical(record)
                records += [line for line, _ in lines]
                rows += [i] * len(lines)
        parts = [
            (self._maker.of_text(self._with_line_feeds(good)), np.flatnonzero(filled & ~odd)),
            (self._maker.of_records(records), np.array(rows, np.int64)),
        ]
        return self._numbered(merged(parts), data, ends, np.sort(np.concatenate([rows for _, rows in parts])))

    def _numbered(self, batch: pa.RecordBatch, data: bytes, ends: Ints, records: Ints | None = None) -> pa.RecordBatch:
        """A batch with the numbers of its lines, where they are counted; its rows are some records, or all of them."""
        if self._counter is None:
            return batch
        starts, stops = self._bounds(ends)
        starts = starts[starts < stops] if records is None else starts[records]
        return with_line_numbers(batch, self._counter.numbers_of(data, starts))

    def _bounds(self, ends: Ints) -> tuple[Ints, Ints]:
        """Where records begin and end, given the last bytes of their line ends."""
        return np.append(0, ends[:-1] + 1), ends - (len(self._line_end) - 1)

    def _exact_batch(self, text: GrowingText) -> pa.RecordBatch:
        """The batch of all records that are complete, which are used up."""
        records, starts, used = self._exactly(text)
        batch, data = self._maker.of_records(records), text.data[:used]
        text.use(used)
        if self._counter is None:
            return batch
        return with_line_numbers(batch, self._counter.numbers_of(data, np.array(starts, np.int64)))

    def _exactly(self, text: GrowingText) -> tuple[list[Record], list[int], int]:
        """All records that are complete, where they begin, and their size, in bytes."""
        characters, at, used = text.data.decode(), 0, 0
        records, starts = list[Record](), list[int]()
        while at < len(characters):
            try:
                fields, end = self._parser.parse(characters, at, is_last=text.is_last)
            except TextEnded:
                break
            content, is_broken = _without_line_end(characters[at:end]), self._parser.holds_line_end
            is_broken |= end == len(characters) and self._parser.is_open(content, fields)
            record = Record(fields, content, is_broken)
            if fields and not self._maker.is_header(record):
                for line, before in self._physical(record):
                    records.append(line)
                    starts.append(used + before)
            used += len(characters[at:end].encode())
            at = end
        return records, starts, used

    def _physical(self, record: Record) -> list[tuple[Record, int]]:
        """A malformed record as its lines, each with the bytes before it: an open quote may swallow many good ones."""
        if self._maker.is_good(record) or not {"\n", "\r"} & set(record.text):
            return [(record, 0)]
        lines, before = list[tuple[Record, int]](), 0
        for line in _LINES.findall(record.text):
            if text := _without_line_end(line):
                lines.append((Record([], text, is_broken=True), before))
            before += len(line.encode())
        return lines


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text.removesuffix("\r")
