"""The rows of a source, typed and with their placement, as all queries see them.

TableProgram    turns a batch of the source into `Rows`; plain data, sent to the tasks
Table           the program, and the scan to which it is applied
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from pipeline.arrays.expressions import evaluate
from pipeline.arrays.masks import Mask
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts
from pipeline.preparation.rows.fold_placement import FoldPlacement
from pipeline.preparation.rows.partitions import Partitions, partition_scan
from pipeline.preparation.rows.role_errors import dropped_label
from pipeline.preparation.rows.row_errors import RowError, has_row_error
from pipeline.preparation.rows.split import (
    LEFT_OUT,
    QUARANTINED,
    ResolvedSplit,
    group_of,
    order_of,
    shard_of,
    split_of,
)
from pipeline.preparation.rows.typed_rows import Indices, Inputs, RowPlacement, Rows, TypedRows, hashes_of
from pipeline.schemas.expression import Node

RowsOf = Callable[[Iterator[Rows]], Parts]
"""Maps the batches of a piece to a partial result."""


class Accumulator(Protocol):
    """Accumulates one partial result over the batches of a piece."""

    def add(self, rows: Rows) -> None:
        """Add a batch."""

    def result(self) -> pa.Table:
        """The partial result."""


AccumulatorFactories = Mapping[str, Callable[[], Accumulator]]
"""The results to collect in one pass, by name; each function makes an accumulator for a piece."""


@dataclass(frozen=True)
class TableProgram:
    """Computes the typed values and the placement of each row.

    Attributes:
        inputs: how rows are read.
        row_errors: the row errors to check, those of rows without a split included.
        row_filter: the condition of `data.filter`; rows that do not meet it are left out.
        split: how rows are divided into splits.
        seed: the seed of the split and of the order of rows.
        folds: computes the groups of a row in a cross-validation; None elsewhere.
    """

    inputs: Inputs
    row_errors: tuple[RowError, ...]
    row_filter: Node | None
    split: ResolvedSplit
    seed: int
    folds: FoldPlacement | None = None

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """A batch of the source, typed, with its placement."""
        typed = self.inputs.rows(batch)
        values, row_id, row_hash = hashes_of(typed, self.inputs)
        split, seed = self.split, self.seed
        timestamp = split.time.timestamps(typed.raw[split.time.name]) if split.time else None
        group = group_of(typed, split.groups)
        split_index = split_of(typed, split, seed=seed, row_id=row_id, timestamp=timestamp, group=group)
        placement = RowPlacement(
            values=values,
            row_id=row_id,
            row_hash=row_hash,
            split=self._usable(typed, split_index),
            shard=shard_of(seed, row_hash),
            order=order_of(seed, row_hash),
            timestamp=timestamp,
            group=group,
        )
        rows = Rows(typed, placement)
        return rows if self.folds is None else replace(rows, placement=self.folds.with_groups(rows))

    def _usable(self, rows: TypedRows, split_index: Indices) -> Indices:
        """[n]: the split, with `LEFT_OUT` by the filter and for labels to drop, and `QUARANTINED` for bad rows."""
        if self.row_filter is not None:
            split_index = np.where(_fulfils(rows, self.row_filter), split_index, LEFT_OUT)
        if self.inputs.data is not None and self.inputs.data.label_nulls == "drop":
            split_index = np.where(dropped_label(rows), LEFT_OUT, split_index)
        return np.where(has_row_error(rows, self.row_errors), QUARANTINED, split_index).astype(np.int32)


@dataclass(frozen=True)
class Table:
    """Typed rows with their placement.

    Attributes:
        program: computes the rows from batches of the source.
        scan: the rows of the source.
        partitions: the same rows, where they were kept for later passes.
    """

    program: TableProgram
    scan: Scan
    partitions: Partitions | None = None

    @property
    def split(self) -> ResolvedSplit:
        """How rows are divided into splits."""
        return self.program.split

    @property
    def seed(self) -> int:
        """The seed of the split and of the order of rows."""
        return self.program.seed

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the raw and derived columns that are numbers, in order."""
        return self.program.inputs.of_type("number")

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the raw and derived columns that are texts, in order."""
        return self.program.inputs.of_type("text")

    def collect(self, work: RowsOf) -> dict[str, list[pa.Table]]:
        """Run a query with a small result, see `collect_parts`."""
        scan, rows_of = self._read
        return collect_parts(scan, lambda batches: work(map(rows_of, batches)))

    def gather(self, factories: AccumulatorFactories) -> dict[str, list[pa.Table]]:
        """Collect several results in one pass: the partial results of each, in the order of the pieces."""

        def work(batches: Iterator[Rows]) -> Parts:
            accumulators = {name: new_accumulator() for name, new_accumulator in factories.items()}
            for rows in batches:
                for accumulator in accumulators.values():
                    accumulator.add(rows)
            return {name: accumulator.result() for name, accumulator in accumulators.items()}

        results = self.collect(work)
        return {name: results.get(name, []) for name in factories}

    def mapped(self, work: Callable[[int, Iterator[Rows]], Batches], schema: pa.Schema) -> DataFrame:
        """Apply the work to the rows of each piece, lazily."""
        scan, rows_of = self._read
        return scan.mapped(lambda piece, batches: work(piece, map(rows_of, batches)), schema)

    @property
    def _read(self) -> tuple[Scan, Callable[[pa.RecordBatch], Rows]]:
        """The scan, and the function that turns its batches into rows."""
        if self.partitions is None:
            return self.scan, self.program.rows
        return partition_scan(self.scan.spark, self.partitions), self.partitions.columns.rows


def _fulfils(rows: TypedRows, row_filter: Node) -> Mask:
    truth = evaluate(row_filter, rows.values, rows.count).to_numpy(zero_copy_only=False)
    fulfilled: Mask = ~np.isnan(truth) & (truth != 0.0)
    return fulfilled
