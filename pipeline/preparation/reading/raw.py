"""A source table with known columns, and rows of some of these columns as Arrow batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import DataType

from pipeline.arrays.cells import is_usable, plain, without_markers
from pipeline.errors import DataError, Problem, gather, nearest
from pipeline.formatting import times
from pipeline.preparation.reading.scan import FrameScan, Scan
from pipeline.schemas.text_reading import PLAIN, TextReading
from pipeline.sources.decoding.pieces import MALFORMED


@dataclass(frozen=True)
class RawColumns:
    """Some columns of a source; plain data, sent to the tasks.

    Attributes:
        names: names in the source, in the order of the columns of a batch.
        kinds: Arrow types by name.
        has_lines: whether lines may be malformed; `MALFORMED` is then the last column of a batch.
        markers: texts that mean null.
        is_json: whether the lines are JSON objects.
        readings: how the texts of some columns are read.
        separator: between fields of a line; empty where the format has none.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, pa.DataType]
    has_lines: bool = False
    markers: tuple[str, ...] = ()
    is_json: bool = False
    readings: Mapping[str, TextReading] = field(default_factory=dict)
    separator: str = ""

    def of_batch(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """The columns of a batch [n] by name, with nulls in place of null markers."""
        # `MALFORMED` and numbers of lines may follow.
        return {name: self._usable(name, column) for name, column in zip(self.names, batch.columns, strict=False)}

    def column(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        """One of them."""
        return self._usable(name, batch.column(self.names.index(name)))

    def reading(self, name: str) -> TextReading:
        """How the texts of a column are read."""
        return self.readings.get(name, PLAIN)

    def _usable(self, name: str, column: pa.Array) -> pa.Array:
        values = plain(column)
        if not pa.types.is_string(values.type):
            return values
        return without_markers(values, (*self.markers, *self.reading(name).nulls))


@dataclass(frozen=True)
class RawTable:
    """Rows of some columns of a source.

    Attributes:
        columns: the columns of each batch.
        scan: the rows.
        parser: scans the rows with some columns parsed as numbers, see `parsed`; None where that saves nothing.
    """

    columns: RawColumns
    scan: Scan
    parser: Callable[[Collection[str]], Scan] | None = None

    def parsed(self, numbers: Collection[str]) -> Scan:
        """The rows for passes that need these columns only as numbers: they may be doubles instead of texts."""
        return self.scan if self.parser is None else self.parser(numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in the source."""
        return self.columns.names

    def kind(self, name: str) -> pa.DataType:
        """The type of a column."""
        return self.columns.kinds[name]


@dataclass(frozen=True)
class NumberSigns:
    """The signs in numbers that the source's configuration gives, and what stands between fields.

    Attributes:
        given: decimal and thousands sign; `PLAIN` where they are to be found out.
        separator: between fields; empty where the format has none.
    """

    given: TextReading = PLAIN
    separator: str = ""


ReadColumns = Callable[[Sequence[str]], RawTable]


@dataclass(frozen=True)
class SourceTable:
    """A source whose columns are known, before its rows are read.

    Attributes:
        names: names of all columns, in order; a duplicate name occurs twice.
        kinds: Arrow types by name; text for all columns of a text format.
        is_text: whether values are texts that have no type yet.
        reader: reads columns whose names are known to exist; see `read`.
        scan: JSON only: finds the names in every row, since `names` are those of the first rows.
        first_line: CSV and TSV only: the header line, for messages.
        signs: the signs in numbers of a text format.
        objects: JSON only: columns with whole objects, whose values have columns of their own; they are no features
            unless named.
        checks: check and log how many rows the joins match, each in a pass over the rows.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, pa.DataType]
    is_text: bool
    reader: ReadColumns
    scan: Callable[[], SourceTable] | None = None
    first_line: str = ""
    signs: NumberSigns = NumberSigns()
    checks: tuple[Callable[[], None], ...] = ()
    objects: frozenset[str] = frozenset()

    def read(self, wanted: Sequence[str]) -> RawTable:
        """Some columns, lazily.

        Raises:
            DataError: naming each column that does not exist, or exists more than once.
        """
        table = self.knowing(wanted)
        counts = table.occurrences
        problems = [name_problem(name, table.names, counts[name]) for name in wanted if counts[name] != 1]
        if problems:
            raise DataError(gather("The source does not have these columns", problems))
        return table.reader(wanted)

    @cached_property
    def occurrences(self) -> Counter[str]:
        """How often each name is there."""
        return Counter(self.names)

    @property
    def unique_names(self) -> list[str]:
        """The names by which a column can be read, in order."""
        return [name for name, count in self.occurrences.items() if name and count == 1]

    @property
    def nested(self) -> dict[str, pa.DataType]:
        """Types of the columns that hold neither numbers, texts, dates nor true and false."""
        return {name: kind for name, kind in self.kinds.items() if not is_usable(kind, numeric=False)}

    def knowing(self, wanted: Sequence[str]) -> SourceTable:
        """The same table; with the names of all rows, where a wanted name is not among those of the first rows."""
        return self if self.scan is None or set(wanted) <= set(self.names) else self.scan()


def name_problem(name: str, names: Sequence[str], count: int) -> Problem:
    """What is wrong with the name of a column that is not once, but `count` times, among the names of a source."""
    if count:
        return Problem(f"Column '{name}' appears {times(count)} in the source", "once", remedy="Rename the others")
    return Problem(f"Column '{name}' is not in the source", remedy=nearest(name, names))


def typed_table(rows: DataFrame) -> SourceTable:
    """The table of a typed format; Spark's reader reads only the requested columns."""
    # By position, since Spark does not distinguish names that differ only in case.
    names, placed = tuple(rows.columns), rows.toDF(*(f"c{i}" for i in range(len(rows.columns))))
    kinds = {field.name: arrow_type(field.dataType) for field in rows.schema.fields}

    def read(wanted: Sequence[str]) -> RawTable:
        columns = [F.col(f"c{names.index(name)}") for name in wanted]
        return frame_table(placed, columns, RawColumns(tuple(wanted), {name: kinds[name] for name in wanted}))

    return SourceTable(names, kinds, is_text=False, reader=read)


def frame_table(rows: DataFrame, columns: Sequence[Column], raw: RawColumns) -> RawTable:
    """Columns of rows that Spark reads, and `MALFORMED` for formats of lines."""
    safe = [column.alias(f"r{i}") for i, column in enumerate(columns)]
    return RawTable(raw, FrameScan(rows.select(*safe, *([F.col(MALFORMED)] if raw.has_lines else []))))


def arrow_type(kind: DataType) -> pa.DataType:
    """The Arrow type of a Spark type; null where Arrow has none."""
    try:
        return to_arrow_type(kind)
    except PySparkException:
        return pa.null()


def text_columns(
    names: Sequence[str], *, markers: tuple[str, ...] = (), is_json: bool = False, separator: str = ""
) -> RawColumns:
    """Columns of a text format."""
    kinds = dict.fromkeys(names, pa.string())
    return RawColumns(tuple(names), kinds, has_lines=True, markers=markers, is_json=is_json, separator=separator)
