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


def redundant_columns(
    rows: DataFrame, training: Column, columns: Sequence[Described], label: Described, drop: DropConfig
) -> frozenset[str]:
    """The columns to leave out, each with a warning that says why.

    Args:
        rows: typed rows.
        training: boolean, whether a row is a training row.
        columns: that features are made of, in order.
        label: the label.
        drop: what is left out.
    """
    constant = {column.name for column in columns if column.constant} if drop.constant else set()
    for name in sorted(constant):
        log.warning("Column '%s' has one value in all training rows; it is left out.", name)
    varied = [column for column in columns if not column.constant]
    pairs = _alike(varied) if drop.identical else []
    if drop.label:
        pairs += [(label, column) for column in varied if column.summary == label.summary]
    equal = _equal(rows, training, pairs)
    found = set(constant)
    for first, second in equal:
        if first.name in found and first is not label:
            continue
        what = f"label '{first.name}'" if first is label else f"column '{first.name}'"
        log.warning("Column '%s' equals the %s in all training rows; it is left out.", second.name, what)
        found.add(second.name)
    return frozenset(found)


def _alike(columns: Sequence[Described]) -> list[tuple[Described, Described]]:
    """Pairs with the same summary: each column with the first one like it."""
    first: dict[Hashable, Described] = {}
    return [(known, column) for column in columns if (known := first.setdefault(column.summary, column)) is not column]


def _equal(
    rows: DataFrame, training: Column, pairs: Sequence[tuple[Described, Described]]
) -> list[tuple[Described, Described]]:
    """Those that are equal in every training row."""
    if not pairs:
        return []
    differ = [F.count_if(training & ~first.value.eqNullSafe(second.value)) for first, second in pairs]
    answer = rows.agg(*differ).first()
    assert answer is not None
    return [pair for pair, count in zip(pairs, answer, strict=True) if not count]
