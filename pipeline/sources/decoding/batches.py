"""Batches of the requested columns: from many records at once by pyarrow, or from fields that are already split.

A batch has a text column `r<i>` for each wanted field, in which an empty field is null, quoted or not, and the text
column `__malformed`: the text of a record with too few or too many fields, and null for all others. What a malformed
record has of the wanted fields is in their columns.

Fields that are known to be numbers can come as doubles instead, from blocks that hold nothing else there: then no text
is made of them, which would cost as much as reading it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.errors import DataError
from pipeline.sources.decoding.decoding import BROKEN, REPLACEMENT, UTF_8_MARK
from pipeline.sources.decoding.header import BYTE_ORDER_MARK, Dialect, Header
from pipeline.sources.decoding.pieces import MALFORMED

MOST_FIELDS = 20_480
"""Fields of a record that Spark reads in any case before it gives up (`maxColumns`)."""

Ints = npt.NDArray[np.int64]

_FILLED = re.compile(rb"[^\r\n]")


@dataclass(frozen=True)
class NumberFields:
    """Fields that may be read as doubles, in blocks where pyarrow reads numbers as `arrays.cells.number_of` does.

    Attributes:
        indices: of the fields.
        markers: texts that mean null, in any field.
    """

    indices: Collection[int] = ()
    markers: Sequence[str] = ()


NO_NUMBERS = NumberFields()


class Record(NamedTuple):
    """One record.

    Attributes:
        fields: all of them.
        text: without the line end.
        is_broken: whether a quote is open at its end, or it is what follows such a record.
    """

    fields: list[str]
    text: str
    is_broken: bool = False


class BatchMaker:
    """Makes batches of records of one format."""

    def __init__(
        self, dialect: Dialect, header: Header, columns: Sequence[int], numbers: NumberFields = NO_NUMBERS
    ) -> None:
        """`columns` are indices of fields, in the order of the batches' columns."""
        self._header, self._columns = header, tuple(columns)
        self._names = [f"f{i}" for i in range(header.fields)]
        # At least one, without which pyarrow does not say how many records there are.
        self._read = [self._names[i] for i in sorted({*columns} or {0})]
        self._separator, self._quote = dialect.separator, dialect.quote
        self._escape = "" if dialect.escape in (None, dialect.quote) else str(dialect.escape)
        texts = dict.fromkeys(self._names, pa.string())
        self._converting = self._conversion(texts, ())
        self._doubles = {self._names[i]: pa.float64() for i in numbers.indices}
        self._converting_numbers = self._conversion(texts | self._doubles, numbers.markers)

    def _conversion(self, types: Mapping[str, pa.DataType], markers: Sequence[str]) -> csv.ConvertOptions:
        return csv.ConvertOptions(
            column_types=types,
            include_columns=self._read,
            null_values=["", *markers],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )

    def of_numbers(self, data: bytes) -> pa.RecordBatch:
        """Like `of_text`, with doubles where fields are known to be numbers.

        Once such a field holds no number, all further batches are read as texts: reading blocks twice would cost
        more than doubles save.
        """
        if self._doubles and _FILLED.search(data) is not None:
            try:
                batch = self._of_text(data, self._converting_numbers)
            except pa.ArrowInvalid:
                self._doubles = {}
            else:
                # Arrow takes "-nan" and "nan(1)" for NaN, which are no numbers.
                if not any(_has_nan(column) for column in batch.columns):
                    return batch
                self._doubles = {}
        return self.of_text(data)

    def of_text(self, data: bytes) -> pa.RecordBatch:
        """The batch of whole records in UTF-8 with unambiguous quotes and escapes.

        Raises:
            pa.ArrowInvalid: a record has too few or too many fields, or is no UTF-8.
        """
        return self._of_text(data, self._converting)

    def _of_text(self, data: bytes, converting: csv.ConvertOptions) -> pa.RecordBatch:
        if _FILLED.search(data) is None:
            return self._batch([pa.nulls(0, pa.string())] * len(self._columns), pa.nulls(0, pa.string()))
        # pyarrow would take a byte order mark away.
        text = b"\n" + data if data.startswith(UTF_8_MARK) else data
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=self._names),
            self._parsing(text),
            converting,
        )
        read = dict(zip(self._read, (_single(column) for column in table.columns), strict=True))
        return self._batch([read[self._names[i]] for i in self._columns], pa.nulls(table.num_rows, pa.string()))

    def _parsing(self, text: bytes) -> csv.ParseOptions:
        is_quoted = bool(self._quote) and self._quote.encode() in text
        is_escaped = is_quoted and bool(self._escape) and self._escape.encode() in text
        return csv.ParseOptions(
            delimiter=self._separator,
            quote_char=self._quote if is_quoted else False,
            double_quote=is_quoted and not self._escape,
            escape_char=self._escape if is_escaped else False,
            newlines_in_values=is_quoted,
        )

    def of_records(self, records: Sequence[Record]) -> pa.RecordBatch:
        """The batch of some records.

        Raises:
            DataError: one has more fields than Spark can read.
        """
        most = max(MOST_FIELDS, self._header.fields + 1)
        excessive = next((len(record.fields) for record in records if len(record.fields) > most), None)
        if excessive is not None:
            raise DataError(f"A line has {excessive:,} fields. Allowed: {most:,}. Correct data.source.separator.")
        columns = [
            pa.array([_field(record.fields, index) for record in records], pa.string()) for index in self._columns
        ]
        texts = [None if self.is_good(record) else record.text.replace(BROKEN, REPLACEMENT) for record in records]
        return self._batch(columns, pa.array(texts, pa.string()))

    def is_good(self, record: Record) -> bool:
        """Whether a record is not malformed."""
        return self._is_whole(record) and BROKEN not in record.text and not record.is_broken

    def is_header(self, record: Record) -> bool:
        """Whether a record is R's header, which is one field short and begins each file."""
        text = record.text.strip(f"{BYTE_ORDER_MARK}\r\n")
        return self._header.unnamed and not self._is_whole(record) and text == self._header.text

    def _is_whole(self, record: Record) -> bool:
        return len(record.fields) == self._header.fields

    @staticmethod
    def _batch(columns: Sequence[pa.Array], malformed: pa.Array) -> pa.RecordBatch:
        names = [*(f"r{i}" for i in range(len(columns))), MALFORMED]
        return pa.RecordBatch.from_arrays([*columns, malformed], names=names)


def merged(parts: Sequence[tuple[pa.RecordBatch, Ints]]) -> pa.RecordBatch:
    """One batch of several, in the order of their rows."""
    order = pa.array(np.argsort(np.concatenate([rows for _, rows in parts]), kind="stable"))
    columns = [
        pa.concat_arrays([batch.column(i) for batch, _ in parts]).take(order) for i in range(parts[0][0].num_columns)
    ]
    return pa.RecordBatch.from_arrays(columns, names=parts[0][0].schema.names)


def _field(fields: list[str], index: int) -> str | None:
    return (fields[index].replace(BROKEN, REPLACEMENT) or None) if index < len(fields) else None


def _has_nan(column: pa.Array) -> bool:
    return pa.types.is_floating(column.type) and bool(pc.any(pc.is_nan(column)).as_py())


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
