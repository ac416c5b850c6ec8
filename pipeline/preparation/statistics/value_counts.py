"""Counts the values of texts and the classes of the label, for all columns in one pass.

Categories are counted in training rows only; classes in every split, since a class without training rows is an error.
Tasks count their rows; the driver adds the counts of columns with few distinct values. Those of other columns Spark
adds in a pass of its own, of which only the most frequent values are kept: so neither a task nor the driver holds more
than a bounded number of values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.group_index import Groups
from pipeline.preparation.statistics.ranked_counts import (
    CLASS,
    category_counts,
    class_counts,
    of_column,
)
from pipeline.preparation.statistics.value_counter import COUNTS, Counter, summed_counts

FEW_VALUES = 1 << 14
"""The most distinct values of a column, by group, that a piece returns to the driver."""


@dataclass(frozen=True)
class Counts:
    """Counts of a fold.

    Attributes:
        categories: values and counts in training rows by feature, most frequent first, ties by code point; null is
            `NULL_TOKEN` and comes first.
        classes: number of rows by class, for each split in the order of `SPLITS`; at most `MAX_CLASSES` + 1 classes
            of each split.
    """

    categories: Mapping[str, tuple[tuple[str, int], ...]]
    classes: Mapping[str, tuple[int, int, int]]


def counts_of(parts: Sequence[pa.Table], counter: Counter, table: Table, *, classes: bool) -> tuple[Counts, ...]:
    """The counts of all folds; one more pass where a column has many values.

    Args:
        parts: partial results of `CountAccumulator`.
        counter: the counter that it used.
        table: the rows.
        classes: whether the classes of the label are needed.
    """
    counts = summed_counts(parts)
    if not classes:
        counts = counts.filter(pc.not_equal(counts["column"], CLASS))
    many = pc.unique(counts.filter(pc.is_null(counts["value"]))["column"])
    ranked = counter.ranked(counts.filter(pc.invert(pc.is_in(counts["column"], many))))
    if len(many):
        further = counter.only(many.to_pylist()).ranked_by_spark(table)
        ranked = [pa.concat_tables(fold_counts) for fold_counts in zip(ranked, further, strict=True)]
    names = sorted({name for fold_counts in ranked for name in of_column(fold_counts, CLASS)["value"].to_pylist()})
    return tuple(
        Counts(
            {name: category_counts(of_column(fold_counts, name)) for name in counter.categories},
            class_counts(fold_counts, names),
        )
        for fold_counts in ranked
    )


class CountAccumulator:
    """Accumulates the counts of a piece; of a column with many values, only that there are many."""

    def __init__(self, counter: Counter, most: int = FEW_VALUES) -> None:
        """Give up on columns with more than `most` values and groups."""
        self._counter, self._most = counter, most
        self._counts = dict.fromkeys(counter.columns, COUNTS.empty_table())
        self._many: set[str] = set()

    def add(self, rows: Rows) -> None:
        """Add a batch."""
        groups = Groups(rows.placement.of(self._counter.assignment.column))
        counts_classes = CLASS in self._counts and CLASS not in self._many
        if counts_classes and len(pc.unique(rows.typed.label_number)) > self._most:
            # A label with so many numbers has no classes, so they are not converted to texts.
            self._give_up(CLASS)
        for name in self._counts:
            if name not in self._many:
                self._counts[name] = summed_counts([self._counts[name], self._counter.counted(name, rows, groups)])
                if len(self._counts[name]) > self._most:
                    self._give_up(name)

    def _give_up(self, name: str) -> None:
        self._many.add(name)
        self._counts[name] = pa.Table.from_pylist([{"column": name, "group": 0, "count": 0}], COUNTS)

    def result(self) -> pa.Table:
        """The partial result."""
        return pa.concat_tables([COUNTS.empty_table(), *self._counts.values()])
