"""Counts the values of texts and the classes of the label, in a batch or by Spark in all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.tables import combined
from pipeline.kinds.text.arrays import text_of, values_of, with_null_token
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.group_index import GroupIndex, Groups
from pipeline.preparation.statistics.ranked_counts import (
    CLASS,
    RANKED,
    counts_by_fold,
    counts_of_fold,
    limited,
    ranked,
)

MAX_CLASSES = 1000
MAX_SPELLINGS = 4
"""Of a class, on average, before classes are counted wrong."""

DENSE_CELLS = 1 << 22
"""Groups times values: up to so many cells, a dense table of counts is used."""

COUNTS = pa.schema([("column", pa.string()), ("group", pa.int32()), ("value", pa.string()), ("count", pa.int64())])


@dataclass(frozen=True)
class Category:
    """A text, or the texts of a multi-valued column, to be counted.

    Attributes:
        sources: names of raw or derived columns; more than one for a cross.
        limit: the most values that are needed, besides null.
        separator: separates the values of a multi-valued column; None for other columns.
    """

    sources: tuple[str, ...]
    limit: int
    separator: str | None = None


@dataclass(frozen=True)
class Counter:
    """Counts values by group; plain data, sent to the tasks.

    Attributes:
        categories: the texts to count, by name of the feature.
        assignment: the folds.
        classes: whether to count the classes of the label.
    """

    categories: Mapping[str, Category]
    assignment: FoldAssignment
    classes: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the counted columns, `CLASS` included."""
        return (*self.categories, *((CLASS,) if self.classes else ()))

    def only(self, names: Sequence[str]) -> Counter:
        """The counter of some of the columns."""
        kept = {name: category for name, category in self.categories.items() if name in names}
        return Counter(kept, self.assignment, classes=self.classes and CLASS in names)

    def counted(self, name: str, rows: Rows, groups: Groups) -> pa.Table:
        """Counts of a column: of categories in groups that any fold trains on, of classes in all groups of folds."""
        if name == CLASS:
            return _occurrences(CLASS, rows.typed.class_text, groups.index_of(self.assignment.used))
        category, trained = self.categories[name], groups.index_of(self.assignment.trained_on)
        text = text_of(rows.typed.values, category.sources)
        if category.separator is None:
            return _occurrences(name, text, trained)
        split_values = values_of(text, category.separator)
        return _occurrences(name, split_values.values, trained.of(split_values.rows))

    def ranked(self, counts: pa.Table) -> list[pa.Table]:
        """The most frequent values of each column, for each fold: column, split, value and count, in order."""
        return [ranked(counts_of_fold(counts, fold.roles), self._limits) for fold in self.assignment.folds]

    def ranked_by_spark(self, table: Table) -> list[pa.Table]:
        """The same, counted by Spark in a pass of its own, for columns with many values."""
        counts = table.mapped(self._all_counted, COUNTS)
        most_frequent = limited(counts_by_fold(counts, self.assignment), self._limits).toArrow()
        folds = (
            most_frequent.filter(pc.equal(most_frequent["fold"], number)).drop("fold")
            for number in range(len(self.assignment.folds))
        )
        return [ranked(fold_counts.cast(RANKED), self._limits) for fold_counts in folds]

    def _all_counted(self, _: int, batches: Iterator[Rows]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            groups = Groups(rows.placement.of(self.assignment.column))
            yield from summed_counts(self.counted(name, rows, groups) for name in self.columns).to_batches()

    @property
    def _limits(self) -> dict[str, int]:
        limits = {name: category.limit + 1 for name, category in self.categories.items()}
        return limits | ({CLASS: MAX_SPELLINGS * MAX_CLASSES + 1} if self.classes else {})


def _occurrences(column: str, text: pa.Array, groups: GroupIndex) -> pa.Table:
    """Column, group, value and count of texts, null being `NULL_TOKEN`."""
    encoded = with_null_token(text).dictionary_encode()
    size, is_counted = len(encoded.dictionary), groups.index >= 0
    # Filtering after the encoding is faster: codes are numbers, and texts would have to be copied.
    cells, counts = _counts((groups.index * np.int64(size) + encoded.indices.to_numpy())[is_counted])
    return pa.table(
        [
            pa.array([column] * len(cells), pa.string()),
            pa.array(groups.numbers[cells // max(size, 1)], pa.int32()),
            encoded.dictionary.take(pa.array(cells % max(size, 1))),
            pa.array(counts, pa.int64()),
        ],
        schema=COUNTS,
    )


def _counts(cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cells that occur, ascending, and their counts."""
    if cells.max(initial=0) > DENSE_CELLS:
        return np.unique(cells, return_counts=True)
    counts = np.bincount(cells)
    occurring = np.flatnonzero(counts)
    return occurring, counts[occurring]


def summed_counts(parts: Iterable[pa.Table]) -> pa.Table:
    """The sums of counts, by column, group and value."""
    return combined(parts, COUNTS, count="sum")
