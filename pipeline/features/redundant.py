"""Columns that tell nothing, or too much: constant, equal to another column, or equal to the label.

Columns with the same statistics are candidates; only they are compared row by row, in one more query.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.config.features import DropConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Described:
    """A column, and what is known of its training rows.

    Attributes:
        name: of the column.
        value: a double or a string.
        summary: equal for columns that may be equal, such as their moments or counts of values.
        constant: whether all rows have one value, null being one.
    """

    name: str
    value: Column
    summary: Hashable
    constant: bool


@dataclass(frozen=True)
class Compared:
    """The columns of one fold.

    Attributes:
        training: boolean, whether a row is a training row of it.
        columns: that features are made of, in order.
        label: the label.
    """

    training: Column
    columns: Sequence[Described]
    label: Described


def redundant_columns(rows: DataFrame, folds: Sequence[Compared], drop: DropConfig) -> list[frozenset[str]]:
    """The columns to leave out of each fold, each with a warning that says why; one query at most.

    Args:
        rows: typed rows.
        folds: what is compared in each.
        drop: what is left out.
    """
    candidates = [_candidates(fold, drop) for fold in folds]
    equal = _equal(
        rows, [(fold.training, pair) for fold, pairs in zip(folds, candidates, strict=True) for pair in pairs]
    )
    found = []
    for fold, pairs in zip(folds, candidates, strict=True):
        own, equal = equal[: len(pairs)], equal[len(pairs) :]
        found.append(_redundant(fold, [pair for pair, is_equal in zip(pairs, own, strict=True) if is_equal], drop))
    return found


def _candidates(fold: Compared, drop: DropConfig) -> list[tuple[Described, Described]]:
    """Pairs that may be equal: a column, or the label, and a column like it."""
    varied = [column for column in fold.columns if not column.constant]
    pairs = _alike(varied) if drop.identical else []
    if drop.label:
        pairs += [(fold.label, column) for column in varied if column.summary == fold.label.summary]
    return pairs


def _redundant(fold: Compared, equal: Sequence[tuple[Described, Described]], drop: DropConfig) -> frozenset[str]:
    found = {column.name for column in fold.columns if column.constant} if drop.constant else set()
    for name in sorted(found):
        log.warning("Column '%s' has one value in all training rows; it is left out.", name)
    for first, second in equal:
        if first.name in found and first is not fold.label:
            continue
        what = f"label '{first.name}'" if first is fold.label else f"column '{first.name}'"
        log.warning("Column '%s' equals the %s in all training rows; it is left out.", second.name, what)
        found.add(second.name)
    return frozenset(found)


def _alike(columns: Sequence[Described]) -> list[tuple[Described, Described]]:
    """Pairs with the same summary: each column with the first one like it."""
    first: dict[Hashable, Described] = {}
    return [(known, column) for column in columns if (known := first.setdefault(column.summary, column)) is not column]


def _equal(rows: DataFrame, pairs: Sequence[tuple[Column, tuple[Described, Described]]]) -> list[bool]:
    """Of each pair, whether it is equal in every training row."""
    if not pairs:
        return []
    differ = [F.count_if(training & ~first.value.eqNullSafe(second.value)) for training, (first, second) in pairs]
    answer = rows.agg(*differ).first()
    assert answer is not None
    return [not count for count in answer]
