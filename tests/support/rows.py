"""Rows of a batch, typed, with their placement, without Spark; and a scan that goes through batches in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.config.data import DataConfig
from pipeline.preparation.reading.raw import RawColumns, RawTable
from pipeline.preparation.reading.scan import FrameScan, Work
from pipeline.preparation.rows.fold_placement import FoldPlacement
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.table import Table, TableProgram
from pipeline.preparation.rows.typed_rows import Inputs, RowPlacement, Rows, TypedRows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def data_of(**roles: Any) -> DataConfig:
    """The roles of columns; the label is `y` unless said."""
    return DataConfig(source={"sample": "iris"}, **{"label": "y", **roles})


def batch_of(frame: pd.DataFrame | pa.Table) -> pa.RecordBatch:
    """All rows in one batch."""
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    return table.combine_chunks().to_batches()[0]


def program_of(
    schema: pa.Schema,
    data: DataConfig,
    split: ResolvedSplit | None = None,
    *,
    seed: int = 0,
    folds: FoldPlacement | None = None,
) -> TableProgram:
    """What gives rows with these columns their placement, none of which is a feature."""
    raw = RawColumns(tuple(schema.names), {field.name: field.type for field in schema})
    inputs = Inputs(raw, (), (), data.label, data.weight, data)
    return TableProgram(inputs, (), None, split or ResolvedSplit("hash"), seed, folds)


def values_rows(values: Mapping[str, Sequence[float | None]], groups: Sequence[int]) -> Rows:
    """Rows of numbers, each with its group."""
    count = len(groups)
    arrays = {name: pa.array(column, pa.float64()) for name, column in values.items()}
    none, group = np.zeros(count, np.int64), np.array(groups, np.int32)
    return Rows(TypedRows(count, {}, arrays, np.ones(count, bool)), RowPlacement(none, none, none, group, group, none))


@dataclass(frozen=True)
class LocalFrame:
    """What a query gave."""

    parts: Sequence[pa.RecordBatch]
    schema: pa.Schema

    def toArrow(self) -> pa.Table:
        """As Spark's data frame gives it."""
        return pa.Table.from_batches(self.parts, self.schema)


@dataclass(frozen=True)
class LocalScan:
    """Goes through pieces in this process."""

    pieces: Sequence[Sequence[pa.RecordBatch]]

    @property
    def spark(self) -> SparkSession:
        """There is none."""
        raise AssertionError("this scan has no session")

    @property
    def parts(self) -> int:
        """How many pieces there are."""
        return len(self.pieces)

    def mapped(self, work: Work, schema: pa.Schema) -> LocalFrame:
        """All at once, the last piece first."""
        numbered = reversed([*enumerate(self.pieces)])
        return LocalFrame([batch for piece, batches in numbered for batch in work(piece, iter(batches))], schema)


def local_scan(frame: pd.DataFrame | pa.Table, pieces: int = 3) -> LocalScan:
    """The rows of a frame in some pieces."""
    batch = batch_of(frame)
    ends = np.linspace(0, len(batch), pieces + 1).astype(int)
    return LocalScan([[batch.slice(a, b - a)] for a, b in pairwise(ends)])


def table_of(frame: pd.DataFrame | pa.Table, data: DataConfig, split: ResolvedSplit | None = None) -> Table:
    """The table of a frame, gone through in this process."""
    return Table(program_of(batch_of(frame).schema, data, split), local_scan(frame))


def spark_table(spark: SparkSession, frame: pa.Table, program: TableProgram) -> Table:
    """The same rows, gone through by Spark."""
    return Table(program, FrameScan(spark.createDataFrame(frame)))


def rows_of(table: Table) -> Iterator[Rows]:
    """All rows of a local table, batch by batch."""
    assert isinstance(table.scan, LocalScan)
    return (table.program.rows(batch) for piece in table.scan.pieces for batch in piece)


def raw_rows(raw: RawTable) -> list[tuple[Any, ...]]:
    """All rows of some columns of a source as they are there, and the text of a malformed line last."""
    columns = raw.columns
    kinds = [columns.kinds[name] for name in columns.names] + ([pa.string()] if columns.has_lines else [])
    schema = pa.schema([(f"c{place}", kind) for place, kind in enumerate(kinds)])

    def as_they_are(_: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches)

    found = raw.scan.mapped(as_they_are, schema).toArrow()
    return [tuple(row.values()) for row in found.to_pylist()]
