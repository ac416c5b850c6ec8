"""The first of two queries: everything that is a number about the columns, in one pass over the source.

Counts that a check needs are taken over all rows; means, deviations, medians and bounds over training rows only.
Spark adds up partial sums in the order in which tasks end, so the last digits of a mean differ from run to run;
`rounded` takes them away, so that preparing the same data twice gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Row

from pipeline.data.convert import is_finite
from pipeline.data.split import SPLIT, TEST, TRAIN, VALIDATION
from pipeline.data.table import BAD, KEY_MISSING, LABEL_NUMBER, LABEL_TEXT, Table
from pipeline.store.layout import SPLITS

DIGITS = 10


@dataclass(frozen=True)
class Moments:
    """Of the finite values in training rows; None where there is none.

    Attributes:
        count: how many there are.
        mean: their mean.
        std: their deviation (population).
        low: the smallest.
        high: the largest.
        median: exact; None also where it was not asked for.
    """

    count: int
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    median: float | None = None


@dataclass(frozen=True)
class NumericStatistics:
    """One numeric column.

    Attributes:
        nulls: over all rows.
        not_finite: NaN and infinities over all rows.
        train: over training rows.
    """

    nulls: int
    not_finite: int
    train: Moments


@dataclass(frozen=True)
class LabelStatistics:
    """The label, over all rows except where said.

    Attributes:
        nulls: missing labels.
        numbers: labels that are numbers, true and false not among them.
        texts: labels that are there and no numbers.
        not_finite: NaN and infinities.
        zero_one: labels that are 0 or 1.
        up_to_minus_one: labels that have no log1p.
        train: of the label in training rows.
        train_log: of log1p(label) in training rows.
    """

    nulls: int
    numbers: int
    texts: int
    not_finite: int
    zero_one: int
    up_to_minus_one: int
    train: Moments
    train_log: Moments


@dataclass(frozen=True)
class TableStatistics:
    """The whole table.

    Attributes:
        rows: in the source.
        bad: rows that cannot be read as configured.
        key_missing: rows without a full key.
        splits: rows of each split.
        numeric: by name in the source.
        label: the label.
    """

    rows: int
    bad: int
    key_missing: int
    splits: Mapping[str, int]
    numeric: Mapping[str, NumericStatistics]
    label: LabelStatistics


def collect_statistics(table: Table, medians: frozenset[str]) -> TableStatistics:
    """Run the query.

    Args:
        table: typed rows.
        medians: names of numeric columns whose median is needed; it holds every distinct value in memory once.
    """
    rows = _with_train_values(table)
    columns = [*_table_columns(), *_label_columns()]
    for safe, name in table.numbers():
        columns += _numeric_columns(safe, median=name in medians)
    found = rows.agg(*columns).first()
    assert found is not None
    return TableStatistics(
        rows=found["rows"],
        bad=found["bad"],
        key_missing=found["key_missing"],
        splits={name: found[name] for name in SPLITS},
        numeric={name: _numeric_of(found, safe) for safe, name in table.numbers()},
        label=_label_of(found),
    )


def rounded(value: float, spread: float = 0.0) -> float:
    """`value` to 10 significant digits, or as many digits as matter beside `spread`.

    >>> rounded(1.23456789012345e-9, spread=1.0)
    1e-09
    """
    size = max(abs(value), abs(spread))
    if size == 0.0 or not math.isfinite(size):
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(size)))


def _with_train_values(table: Table) -> DataFrame:
    train = F.col(SPLIT) == TRAIN
    label = F.when(train & is_finite(F.col(LABEL_NUMBER)), F.col(LABEL_NUMBER))
    values = {_train(safe): F.when(train & is_finite(F.col(safe)), F.col(safe)) for safe, _ in table.numbers()}
    values |= {_train("label"): label, _train("log"): F.when(label > -1.0, F.log1p(label))}
    return table.rows.withColumns(values)


def _train(column: str) -> str:
    return f"{column}_train"


def _table_columns() -> list[Column]:
    splits = zip(SPLITS, (TRAIN, VALIDATION, TEST), strict=True)
    return [
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col(BAD)).alias("bad"),
        F.count_if(F.col(KEY_MISSING)).alias("key_missing"),
        *(F.count_if(F.col(SPLIT) == index).alias(name) for name, index in splits),
    ]


def _label_columns() -> list[Column]:
    number, text = F.col(LABEL_NUMBER), F.col(LABEL_TEXT)
    return [
        F.count(number).alias("label_numbers"),
        F.count(text).alias("label_texts"),
        F.count_if(~is_finite(number)).alias("label_not_finite"),
        F.count_if(number.isin(0.0, 1.0)).alias("label_zero_one"),
        F.count_if(number <= -1.0).alias("label_up_to_minus_one"),
        *_moments_columns("label", median=False),
        *_moments_columns("log", median=False),
    ]


def _numeric_columns(safe: str, *, median: bool) -> list[Column]:
    return [
        F.count(safe).alias(f"{safe}_present"),
        F.count_if(~is_finite(F.col(safe))).alias(f"{safe}_not_finite"),
        *_moments_columns(safe, median=median),
    ]


def _moments_columns(name: str, *, median: bool) -> list[Column]:
    value = F.col(_train(name))
    exact = F.percentile(value, 0.5) if median else F.lit(None).cast("double")
    return [
        F.count(value).alias(f"{name}_count"),
        F.avg(value).alias(f"{name}_mean"),
        F.stddev_pop(value).alias(f"{name}_std"),
        F.min(value).alias(f"{name}_low"),
        F.max(value).alias(f"{name}_high"),
        exact.alias(f"{name}_median"),
    ]


def _moments_of(found: Row, name: str) -> Moments:
    count = found[f"{name}_count"]
    if not count:
        return Moments(0)
    mean, std = found[f"{name}_mean"], found[f"{name}_std"]
    median: Any = found[f"{name}_median"]
    return Moments(count, rounded(mean, std), rounded(std), found[f"{name}_low"], found[f"{name}_high"], median)


def _numeric_of(found: Row, safe: str) -> NumericStatistics:
    return NumericStatistics(
        nulls=found["rows"] - found[f"{safe}_present"],
        not_finite=found[f"{safe}_not_finite"],
        train=_moments_of(found, safe),
    )


def _label_of(found: Row) -> LabelStatistics:
    numbers, texts = found["label_numbers"], found["label_texts"]
    return LabelStatistics(
        nulls=found["rows"] - numbers - texts,
        numbers=numbers,
        texts=texts,
        not_finite=found["label_not_finite"],
        zero_one=found["label_zero_one"],
        up_to_minus_one=found["label_up_to_minus_one"],
        train=_moments_of(found, "label"),
        train_log=_moments_of(found, "log"),
    )
