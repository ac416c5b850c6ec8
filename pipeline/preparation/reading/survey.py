"""Surveys a source: types, missing values, and a sample of rows in the driver's memory.

The sample has all rows where there are at most `SAMPLE_ROWS` of them. Otherwise it is random, and the same each time
for the same pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import category_of, is_missing
from pipeline.arrays.masks import missing_of
from pipeline.preparation.reading.column_readings import ColumnReading
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.raw import RawColumns, RawTable, SourceTable
from pipeline.preparation.reading.scan import Batches, Parts, collect_parts
from pipeline.schemas.source_contract import ColumnType

SAMPLE_ROWS, SAMPLE_CELLS = 50_000, 2_000_000
LEAST_ROWS = 1_000
"""Of a sample, and of what a piece adds to it."""
LONGEST_TEXT = 500
"""Characters of a text that are kept in a sample."""
SHOWN_EXAMPLES = 3
_SEED = 20


@dataclass(frozen=True)
class ColumnFacts:
    """What a sample says of a column.

    Attributes:
        present: rows of the sample that have a value.
        distinct: number of different values.
        examples: the most frequent values.
    """

    present: int
    distinct: int
    examples: tuple[str, ...]

    @classmethod
    def of(cls, sample: pa.ChunkedArray) -> ColumnFacts:
        """The facts of a column's values in the sample."""
        counts = pc.value_counts(category_of(sample.combine_chunks()).drop_null())
        frequent = counts.take(pc.sort_indices(counts.field(1), sort_keys=[("", "descending")])[:SHOWN_EXAMPLES])
        return cls(pc.sum(counts.field(1)).as_py() or 0, len(counts), tuple(frequent.field(0).to_pylist()))


@dataclass(frozen=True)
class Survey:
    """What is known of some columns of a source.

    Attributes:
        rows: number of rows, without malformed lines.
        readings: type of each column that can be a feature, in the order of the source.
        nulls: number of rows in which each of these columns has no value.
        sample: some rows, or all, of these columns.
        nested: Arrow types of columns that cannot be a feature: structs, lists, maps, bytes, nulls.
    """

    rows: int
    readings: Mapping[str, ColumnReading]
    nulls: Mapping[str, int]
    sample: pa.Table
    nested: Mapping[str, pa.DataType] = field(default_factory=dict)

    @property
    def types(self) -> dict[str, ColumnType]:
        """The types alone."""
        return {name: reading.type for name, reading in self.readings.items()}

    @cached_property
    def facts(self) -> dict[str, ColumnFacts]:
        """What the sample says of each of these columns."""
        return {name: ColumnFacts.of(self.sample[name]) for name in self.readings}

    @property
    def is_whole(self) -> bool:
        """Whether the sample has all rows."""
        return bool(self.sample.num_rows == self.rows)


def survey_table(table: SourceTable, names: Sequence[str]) -> Survey:
    """Survey some columns, in two queries over all rows: one for their types, one for the rest.

    Args:
        table: the source.
        names: names of columns, each of which occurs once in the source.

    Raises:
        DataError: the source cannot be read.
    """
    nested = {name: kind for name, kind in table.nested.items() if name in names}
    plain = [name for name in names if name not in nested]
    if not plain:
        return Survey(0, {}, {}, pa.table({}), nested)
    raw = table.read(plain)
    most = min(SAMPLE_ROWS, max(SAMPLE_CELLS // len(plain), LEAST_ROWS))
    parts = collect_parts(raw.scan, _survey_of_piece(raw, max(most // max(raw.scan.parts, 1), LEAST_ROWS)))
    counts = {name: sum(part[name][0].as_py() for part in parts.get("nulls", [])) for name in plain}
    readings = column_types(table, {})
    return Survey(
        sum(part["rows"][0].as_py() for part in parts.get("rows", [])),
        {name: readings[name] for name in plain},
        counts,
        _joined(parts.get("sample", []), plain, most),
        nested,
    )


def _survey_of_piece(raw: RawTable, most: int) -> Callable[[Batches], Parts]:
    """A function from the batches of a piece to their counts, and to a sample of at most so many rows."""
    columns = raw.columns

    def survey(batches: Batches) -> Parts:
        nulls = np.zeros(len(columns.names), np.int64)
        rows, sample, draws = 0, _Sample(most), np.random.default_rng(_SEED)
        for batch in batches:
            values = _good_values(columns, batch)
            rows += values.num_rows
            sample.add(values, draws.random(values.num_rows))
            nulls += [int(is_missing(column.combine_chunks()).sum()) for column in values.columns]
        drawn = {"sample": sample.rows()} if rows else {}
        return {
            "rows": pa.table({"rows": [rows]}),
            "nulls": pa.table([[missing] for missing in nulls], columns.names),
            **drawn,
        }

    return survey


def _good_values(columns: RawColumns, batch: pa.RecordBatch) -> pa.Table:
    """The values of a batch's rows, without malformed lines."""
    names = [f"c{index}" for index in range(len(columns.names))]
    values = pa.table([*columns.of_batch(batch).values()], names)
    if not columns.has_lines:
        return values
    return values.filter(pa.array(missing_of(batch.column(len(columns.names)))))


class _Sample:
    """The rows of a piece with the smallest draws."""

    def __init__(self, most: int) -> None:
        """Keep at most `most` rows."""
        self._most, self._ceiling = most, 1.0
        self._rows: list[pa.Table] = []

    def add(self, values: pa.Table, draws: npt.NDArray[np.float64]) -> None:
        """Add a batch, each of whose rows has a draw from 0 to 1."""
        chosen = draws < self._ceiling
        drawn = values if chosen.all() else values.filter(pa.array(chosen))
        self._rows.append(_shortened(drawn).append_column("draw", pa.array(draws[chosen])))
        if sum(rows.num_rows for rows in self._rows) > 2 * self._most:
            self._rows = [self.rows()]
            self._ceiling = max(self._rows[0]["draw"].to_numpy())

    def rows(self) -> pa.Table:
        """The rows, with their draws as the last column."""
        return _smallest_draws(pa.concat_tables(self._rows), self._most)


def _smallest_draws(rows: pa.Table, most: int) -> pa.Table:
    """Of rows with a column `draw`, those with the smallest ones, in their order."""
    if rows.num_rows <= most:
        return rows
    return rows.take(pa.array(np.sort(np.argsort(rows["draw"].to_numpy(), kind="stable")[:most])))


def _shortened(values: pa.Table) -> pa.Table:
    """The same values, with no more than the beginning of long texts."""
    for index, field_of in enumerate(values.schema):
        if pa.types.is_string(field_of.type):
            text = pc.utf8_slice_codeunits(values.column(index), 0, LONGEST_TEXT)
            values = values.set_column(index, field_of.name, text)
    return values


def _joined(parts: Sequence[pa.Table], names: Sequence[str], most: int) -> pa.Table:
    """The sample of all pieces."""
    if not parts:
        return pa.table([pa.array([], pa.string())] * len(names), names)
    return _smallest_draws(pa.concat_tables(parts), most).drop_columns(["draw"]).rename_columns(names)
