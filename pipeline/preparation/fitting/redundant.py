"""Finds redundant columns: constant ones, and those equal to another column or to the label.

Columns with the same statistics are candidates; only these are compared row by row, in one more query.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.config.features import DropConfig
from pipeline.preparation.reading.scan import Parts
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Described:
    """A column with a summary of its training rows.

    Attributes:
        name: the name of the column.
        value: gives the values of n rows, float64 or string [n].
        summary: moments or counts of values, which are equal for columns that may be equal.
        constant: whether all rows have the same value, or all are null.
    """

    name: str
    value: Callable[[Rows], pa.Array]
    summary: Hashable
    constant: bool


@dataclass(frozen=True)
class Compared:
    """The columns of one fold.

    Attributes:
        training: which of n rows are its training rows, [n].
        columns: the columns that features use, in order.
        label: the label.
    """

    training: Callable[[Rows], Mask]
    columns: Sequence[Described]
    label: Described


def redundant_columns(table: Table, folds: Sequence[Compared], drop: DropConfig) -> list[frozenset[str]]:
    """The columns to leave out of each fold, each with a warning that says why; one query at most.

    Args:
        table: the rows.
        folds: the columns of each fold.
        drop: which redundant columns are left out.
    """
    candidates = [_candidates(fold, drop) for fold in folds]
    pairs_of_folds = [
        _Pair(fold.training, *pair) for fold, pairs in zip(folds, candidates, strict=True) for pair in pairs
    ]
    equal = _equal(table, pairs_of_folds)
    redundant = []
    for fold, pairs in zip(folds, candidates, strict=True):
        is_equal, equal = equal[: len(pairs)], equal[len(pairs) :]
        redundant.append(_redundant(fold, [pair for pair, same in zip(pairs, is_equal, strict=True) if same], drop))
    return redundant


def _candidates(fold: Compared, drop: DropConfig) -> list[tuple[Described, Described]]:
    """Pairs that may be equal: a column, or the label, and another column."""
    varied = [column for column in fold.columns if not column.constant]
    pairs = _alike(varied) if drop.identical else []
    if drop.label:
        pairs += [(fold.label, column) for column in varied if column.summary == fold.label.summary]
    return pairs


def _redundant(fold: Compared, equal: Sequence[tuple[Described, Described]], drop: DropConfig) -> frozenset[str]:
    redundant = {column.name for column in fold.columns if column.constant} if drop.constant else set()
    for name in sorted(redundant):
        log.warning("Column '%s' has one value in all training rows; it is left out.", name)
    for first, second in equal:
        if first.name in redundant and first is not fold.label:
            continue
        other = f"label '{first.name}'" if first is fold.label else f"column '{first.name}'"
        log.warning("Column '%s' equals the %s in all training rows; it is left out.", second.name, other)
        redundant.add(second.name)
    return frozenset(redundant)


def _alike(columns: Sequence[Described]) -> list[tuple[Described, Described]]:
    """Pairs with the same summary: each column with the first one that has it."""
    first: dict[Hashable, Described] = {}
    return [
        (earlier, column) for column in columns if (earlier := first.setdefault(column.summary, column)) is not column
    ]


@dataclass(frozen=True)
class _Pair:
    """Two columns of a fold."""

    training: Callable[[Rows], Mask]
    first: Described
    second: Described

    def differs(self, rows: Rows) -> bool:
        """Whether the columns differ in any training row; null equals null."""
        training = pa.array(self.training(rows))
        first, second = (column.value(rows).filter(training) for column in (self.first, self.second))
        unequal = mask_of(pc.not_equal(first, second))
        return bool(np.any(unequal | (missing_of(first) != missing_of(second))))


def _equal(table: Table, pairs: Sequence[_Pair]) -> list[bool]:
    """Whether the columns of each pair are equal in all training rows."""
    if not pairs:
        return []

    def compare(batches: Iterator[Rows]) -> Parts:
        differ = np.zeros(len(pairs), bool)
        for rows in batches:
            differ |= [differs or pair.differs(rows) for differs, pair in zip(differ, pairs, strict=True)]
        return {"differ": pa.table({"differ": differ})}

    parts = table.collect(compare).get("differ", [])
    return [not any(differ) for differ in zip(*(part["differ"].to_pylist() for part in parts), strict=True)]
