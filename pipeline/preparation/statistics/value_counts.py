"""How often each category and each class occurs, for all columns in one pass.

Categories are counted in training rows only; classes in every split, since a class that training never sees is an
error to be named. A task counts its own rows; of columns with few different values the driver adds the counts of all
tasks up, of others Spark does, in a pass of its own, and keeps the most frequent ones only: so neither a task nor the
driver holds more than a bounded number of values.
"""

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
from pipeline.preparation.rows.typed_rows import Indices, Rows
from pipeline.preparation.statistics.ranked_counts import (
    CLASS,
    RANKED,
    category_counts,
    class_counts,
    counts_by_fold,
    counts_of_fold,
    limited,
    of_column,
    ranked,
)

MAX_CLASSES = 1000
FEW_VALUES = 1 << 14
"""So many different values of a column, by group, may go to the driver from a piece."""
DENSE_CELLS = 1 << 22
"""Of groups times values: more are not counted in a table with a place for each."""

_COUNTS = pa.schema([("column", pa.string()), ("group", pa.int32()), ("value", pa.string()), ("count", pa.int64())])


@dataclass(frozen=True)
class Category:
    """A text, or the texts of a multi-valued column, to be counted.

    Attributes:
        sources: raw or derived columns; more than one is a cross.
        limit: how many values are needed, null aside.
        separator: between the values of a multi-valued column.
    """

    sources: tuple[str, ...]
    limit: int
    separator: str | None = None


@dataclass(frozen=True)
class Counts:
    """Occurrences.

    Attributes:
        categories: by name: value and count in training rows, most frequent first, ties by code point; null is
            `NULL_TOKEN` and comes first.
        classes: by class: rows of each split, in the order of `SPLITS`; at most `MAX_CLASSES` + 1 of each split.
    """

    categories: Mapping[str, tuple[tuple[str, int], ...]]
    classes: Mapping[str, tuple[int, int, int]]


def counts_of(parts: Sequence[pa.Table], counter: Counter, table: Table, *, classes: bool) -> tuple[Counts, ...]:
    """The counts of all folds; one more pass where a column has many values.

    Args:
        parts: partial results of `CountAccumulator`.
        counter: what was counted.
        table: the rows.
        classes: whether those of the label are wanted.
    """
    counts = _summed(parts)
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
    """Counts of a piece; of a column with many values, only that it has them."""

    def __init__(self, counter: Counter, most: int = FEW_VALUES) -> None:
        """Give up on columns with more than `most` values and groups."""
        self._counter, self._most = counter, most
        self._found = dict.fromkeys(counter.columns, _COUNTS.empty_table())
        self._many: set[str] = set()

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        groups = Groups(rows.placement.of(self._counter.assignment.column))
        looked_at = CLASS in self._found and CLASS not in self._many
        if looked_at and len(pc.unique(rows.typed.label_number)) > self._most:
            # A label with so many numbers hardly has classes: their texts are not made for nothing.
            self._give_up(CLASS)
        for name in self._found:
            if name not in self._many:
                self._found[name] = _summed([self._found[name], self._counter.counted(name, rows, groups)])
                if len(self._found[name]) > self._most:
                    self._give_up(name)

    def _give_up(self, name: str) -> None:
        self._many.add(name)
        self._found[name] = pa.Table.from_pylist([{"column": name, "group": 0, "count": 0}], _COUNTS)

    def result(self) -> pa.Table:
        """The partial result."""
        return pa.concat_tables([_COUNTS.empty_table(), *self._found.values()])


@dataclass(frozen=True)
class Counter:
    """What is counted; plain data, which goes to the tasks.

    Attributes:
        categories: by name.
        assignment: the folds.
        classes: whether those of the label are.
    """

    categories: Mapping[str, Category]
    assignment: FoldAssignment
    classes: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what is counted."""
        return (*self.categories, *((CLASS,) if self.classes else ()))

    def only(self, names: Sequence[str]) -> Counter:
        """The same for some columns."""
        kept = {name: category for name, category in self.categories.items() if name in names}
        return Counter(kept, self.assignment, classes=self.classes and CLASS in names)

    def counted(self, name: str, rows: Rows, groups: Groups) -> pa.Table:
        """Counts of a column: of categories by the groups that are trained on, of classes by those that are used."""
        if name == CLASS:
            return _occurrences(CLASS, rows.typed.class_text, groups.index_of(self.assignment.used))
        category, trained = self.categories[name], groups.index_of(self.assignment.trained_on)
        text = text_of(rows.typed.values, category.sources)
        if category.separator is None:
            return _occurrences(name, text, trained)
        split_values = values_of(text, category.separator)
        return _occurrences(name, split_values.values, trained.of(split_values.rows))

    def ranked(self, counts: pa.Table) -> list[pa.Table]:
        """The most frequent values of each column, of each fold: column, split, value and count, in their order."""
        return [ranked(counts_of_fold(counts, fold.roles), self._limits) for fold in self.assignment.folds]

    def ranked_by_spark(self, table: Table) -> list[pa.Table]:
        """The same from a pass of its own, for columns with many values."""
        counts = table.mapped(self._all_counted, _COUNTS)
        most_frequent = limited(counts_by_fold(counts, self.assignment), self._limits).toArrow()
        folds = (
            most_frequent.filter(pc.equal(most_frequent["fold"], number)).drop("fold")
            for number in range(len(self.assignment.folds))
        )
        return [ranked(fold_counts.cast(RANKED), self._limits) for fold_counts in folds]

    def _all_counted(self, _: int, batches: Iterator[Rows]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            groups = Groups(rows.placement.of(self.assignment.column))
            yield from _summed(self.counted(name, rows, groups) for name in self.columns).to_batches()

    @property
    def _limits(self) -> dict[str, int]:
        limits = {name: category.limit + 1 for name, category in self.categories.items()}
        return limits | ({CLASS: MAX_CLASSES + 1} if self.classes else {})


@dataclass(frozen=True)
class _GroupIndex:
    """Which rows are counted, and in which group.

    Attributes:
        numbers: of the groups that count, [g].
        index: [n], the index of a row's group in `numbers`, -1 for other groups.
    """

    numbers: Indices
    index: Indices

    def of(self, rows: npt.NDArray[np.int64]) -> _GroupIndex:
        """The index of some rows, which may repeat."""
        return _GroupIndex(self.numbers, self.index[rows])


class Groups:
    """The groups of the rows of a batch: what is the same for all columns is found out once."""

    def __init__(self, groups: Indices) -> None:
        """[n]."""
        self._groups = groups
        self._indices: dict[tuple[int, ...], _GroupIndex] = {}

    def index_of(self, wanted: tuple[int, ...]) -> _GroupIndex:
        """The index of the rows among the wanted groups, which ascend."""
        if wanted not in self._indices:
            numbers = np.asarray(wanted, np.int32)
            positions = np.minimum(np.searchsorted(numbers, self._groups), max(len(numbers) - 1, 0)).astype(np.int32)
            is_wanted = numbers[positions] == self._groups if len(numbers) else np.zeros(len(self._groups), bool)
            self._indices[wanted] = _GroupIndex(numbers, np.where(is_wanted, positions, np.int32(-1)))
        return self._indices[wanted]


def _occurrences(column: str, text: pa.Array, groups: _GroupIndex) -> pa.Table:
    """Column, group, value and count of texts, null being `NULL_TOKEN`."""
    encoded = with_null_token(text).dictionary_encode()
    size, is_counted = len(encoded.dictionary), groups.index >= 0
    # Numbers are told apart more quickly than texts: those of rows that do not count are left out only now.
    cells, counts = _counts((groups.index * np.int64(size) + encoded.indices.to_numpy())[is_counted])
    return pa.table(
        [
            pa.array([column] * len(cells), pa.string()),
            pa.array(groups.numbers[cells // max(size, 1)], pa.int32()),
            encoded.dictionary.take(pa.array(cells % max(size, 1))),
            pa.array(counts, pa.int64()),
        ],
        schema=_COUNTS,
    )


def _counts(cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each cell that occurs, ascending, and how often."""
    if cells.max(initial=0) > DENSE_CELLS:
        return np.unique(cells, return_counts=True)
    counts = np.bincount(cells)
    occurring = np.flatnonzero(counts)
    return occurring, counts[occurring]


def _summed(parts: Iterable[pa.Table]) -> pa.Table:
    """Each column, group and value once."""
    return combined(parts, _COUNTS, count="sum")
