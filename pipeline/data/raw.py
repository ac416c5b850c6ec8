"""What reading gives: a source whose columns are known, and rows of some of them under safe names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql.types import DataType

from pipeline.errors import DataError, Problem, gather, nearest

MALFORMED = "__malformed"
"""The text of a line with too few or too many fields, or that is no JSON object; null for a good line."""


@dataclass(frozen=True)
class RawTable:
    """Some columns of a source, as they are there.

    Attributes:
        rows: one column `r<i>` for each name, and `MALFORMED` where the format can have malformed lines.
        names: of the columns in the source.
        markers: texts that mean null.
    """

    rows: DataFrame
    names: tuple[str, ...]
    markers: tuple[str, ...] = ()

    def column(self, name: str) -> str:
        """The safe name of a column."""
        return f"r{self.names.index(name)}"

    def kind(self, name: str) -> DataType:
        """The type of a column."""
        return self.rows.schema[self.column(name)].dataType

    @property
    def has_lines(self) -> bool:
        """Whether lines may be malformed."""
        return MALFORMED in self.rows.columns


ReadColumns = Callable[[Sequence[str]], RawTable]


@dataclass(frozen=True)
class SourceTable:
    """A source whose columns are known, before its rows are read.

    Attributes:
        names: of all columns, in their order; one that is there twice is named twice.
        kinds: their types; text for all columns of a text format.
        is_text: whether values are texts that are still to be typed.
        reader: what `read` calls with names that are there.
        scan: JSON only: looks for names in every row, since `names` comes from the first ones.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, DataType]
    is_text: bool
    reader: ReadColumns
    scan: Callable[[], SourceTable] | None = None

    def read(self, wanted: Sequence[str]) -> RawTable:
        """Some columns, lazily.

        Raises:
            DataError: naming each that is not there, or more than once.
        """
        table = self.knowing(wanted)
        problems = [_absent(name, table.names) for name in wanted if table.names.count(name) != 1]
        if problems:
            raise DataError(gather("The source does not have these columns", problems))
        return self.reader(wanted)

    def knowing(self, wanted: Sequence[str]) -> SourceTable:
        """The same table; where a wanted name is not known and every row must be looked at to tell, with all names."""
        return self if self.scan is None or set(wanted) <= set(self.names) else self.scan()


def _absent(name: str, names: Sequence[str]) -> Problem:
    if count := names.count(name):
        return Problem(f"Column '{name}' is in the source {count} times", "once", remedy="Rename the others")
    return Problem(f"Column '{name}' is not in the source", remedy=nearest(name, names))


def select(rows: DataFrame, columns: Sequence[Column], *, lines: bool) -> DataFrame:
    """Columns under safe names, with `MALFORMED` where there are lines."""
    safe = [column.alias(f"r{i}") for i, column in enumerate(columns)]
    return rows.select(*safe, *([F.col(MALFORMED)] if lines else []))


def typed_table(rows: DataFrame) -> SourceTable:
    """The table of a format that has types; only the columns that are read reach the reader."""

    # By place, since Spark does not tell names apart that differ by case only.
    names, placed = tuple(rows.columns), rows.toDF(*(f"c{i}" for i in range(len(rows.columns))))

    def read(wanted: Sequence[str]) -> RawTable:
        columns = [F.col(f"c{names.index(name)}") for name in wanted]
        return RawTable(select(placed, columns, lines=False), tuple(wanted))

    kinds = {field.name: field.dataType for field in rows.schema.fields}
    return SourceTable(names, kinds, is_text=False, reader=read)


def quoted(name: str) -> str:
    """A column name that Spark takes as it is, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"
