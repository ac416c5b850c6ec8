"""The second of two queries: how often each category and each class occurs, for all columns in one pass.

Every row becomes one (column, value) pair a categorical column, and one (label, value, split) triple; these are
counted together. Categories are counted in training rows only; classes in every split, since a class that training
never sees is an error to be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Row, Window

from pipeline.contract.features import NULL_TOKEN
from pipeline.data.convert import number_text
from pipeline.data.split import SPLIT, TRAIN
from pipeline.data.table import LABEL_NUMBER, LABEL_TEXT, Table

MAX_CLASSES = 1000
_CLASS = "class"


@dataclass(frozen=True)
class Counts:
    """Occurrences.

    Attributes:
        categories: by column name: value and count in training rows, most frequent first, ties by code point; null
            is `NULL_TOKEN` and comes first.
        classes: by class: rows of each split, in the order of `SPLITS`; at most `MAX_CLASSES` + 1 of each split.
    """

    categories: Mapping[str, tuple[tuple[str, int], ...]]
    classes: Mapping[str, tuple[int, int, int]]


def count_values(table: Table, limits: Mapping[str, int], *, classes: bool) -> Counts:
    """Run the query; there is none where nothing is to be counted.

    Args:
        table: typed rows.
        limits: how many values are needed of each categorical column, null aside.
        classes: whether the label's classes are counted.
    """
    values = {safe: F.coalesce(F.col(safe), F.lit(NULL_TOKEN)) for safe, _ in table.categories()}
    if classes:
        values[_CLASS] = F.coalesce(number_text(F.col(LABEL_NUMBER)), F.col(LABEL_TEXT), F.lit(NULL_TOKEN))
    if not values:
        return Counts({}, {})
    bounds = {safe: limits[name] for safe, name in table.categories()} | {_CLASS: MAX_CLASSES + 1}
    found = _counted(table, values, bounds).collect()
    by_column = {safe: [row for row in found if row["column"] == safe] for safe in values}
    return Counts(
        {name: _categories(by_column[safe]) for safe, name in table.categories()}, _classes(by_column.get(_CLASS, []))
    )


def _counted(table: Table, values: Mapping[str, Column], bounds: Mapping[str, int]) -> DataFrame:
    """Rows of column, split, value, count and rank; of each column and split, no more than its bound and null."""
    pairs = table.rows.select(SPLIT, *(value.alias(safe) for safe, value in values.items())).unpivot(
        SPLIT, list(values), "column", "value"
    )
    seen = pairs.where((F.col(SPLIT) == TRAIN) | (F.col("column") == _CLASS))
    counts = seen.groupBy("column", SPLIT, "value").count()
    is_null = F.col("value") == NULL_TOKEN
    order = Window.partitionBy("column", SPLIT).orderBy(is_null.desc(), F.col("count").desc(), F.col("value"))
    bound = F.lit(0)
    for safe, limit in bounds.items():
        bound = F.when(F.col("column") == safe, limit + 1).otherwise(bound)
    return counts.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= bound)


def _categories(rows: Iterable[Row]) -> tuple[tuple[str, int], ...]:
    ranked = sorted(rows, key=lambda row: int(row["rank"]))
    return tuple((row["value"], row["count"]) for row in ranked)


def _classes(rows: Iterable[Row]) -> dict[str, tuple[int, int, int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["value"], [0, 0, 0])[row[SPLIT]] = row["count"]
    return {name: (counts[0], counts[1], counts[2]) for name, counts in sorted(found.items())}
