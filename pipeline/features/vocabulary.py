"""How often each category and each class occurs, for all columns in one query.

Every row becomes one (column, value) pair a categorical column, and one (class, value) pair; these are counted
together. Categories are counted in training rows only; classes in every split, since a class that training never sees
is an error to be named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql.types import ArrayType, IntegerType, StructType

from pipeline.contract.features import CROSS_SEPARATOR, NULL_TOKEN
from pipeline.data.division import WHOLE, Division
from pipeline.data.split import SPLIT, TRAIN
from pipeline.features.lookup import constant

MAX_CLASSES = 1000
_CLASS = -1
_PAIRS = "array<struct<column: int, value: string>>"
_ROLES = ArrayType(
    ArrayType(StructType().add("fold", IntegerType()).add("split", IntegerType()).add("times", IntegerType()))
)


@dataclass(frozen=True)
class Category:
    """A text, or the texts of a multi-valued column, to be counted.

    Attributes:
        text: string; for a multi-valued column an array of strings.
        limit: how many values are needed, null aside.
        multiple: whether it is an array.
    """

    text: Column
    limit: int
    multiple: bool = False


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


def joined(texts: list[Column]) -> Column:
    """String: the text of one column, null as it is; or a cross of several, never null."""
    if len(texts) == 1:
        return texts[0]
    return F.concat_ws(CROSS_SEPARATOR, *(F.coalesce(text, F.lit(NULL_TOKEN)) for text in texts))


def values_of(text: Column, separator: str) -> Column:
    """Array of strings: the values of a multi-valued text, without spaces around them and without empty ones."""
    parts = F.split(text, "\\Q" + separator + "\\E")
    # Of `F.trim` itself Spark would take the second parameter, the characters to trim, for the place in the array.
    return F.filter(F.transform(parts, lambda value: F.trim(value)), lambda value: value != "")  # noqa: PLW0108


def count_values(
    rows: DataFrame, categories: Mapping[str, Category], classes: Column | None, division: Division = WHOLE
) -> tuple[Counts, ...]:
    """Run the query, for all folds at once; there is none where nothing is to be counted.

    Args:
        rows: typed rows with the column of groups.
        categories: what is counted, by name.
        classes: the label's text, or None where classes are not counted.
        division: the folds.
    """
    if not categories and classes is None:
        return tuple(Counts({}, {}) for _ in division.folds)
    query = _counted(rows, dict(enumerate(categories.values())), classes, division)
    # As Arrow: a million rows are as many objects otherwise.
    found = query.toArrow().sort_by([(name, "ascending") for name in ("column", "fold", "split", "rank")])
    names = sorted(set(_of(found, "column", _CLASS)["value"].to_pylist()))
    return tuple(_counts(_of(found, "fold", number), list(categories), names) for number in range(len(division.folds)))


def _counts(found: pa.Table, categories: Sequence[str], classes: Sequence[str]) -> Counts:
    """Of one fold; a class that it does not meet counts 0, so that all folds have the same ones."""
    return Counts(
        {name: _categories(_of(found, "column", key)) for key, name in enumerate(categories)},
        _classes(_of(found, "column", _CLASS), classes),
    )


def _counted(
    rows: DataFrame, categories: Mapping[int, Category], classes: Column | None, division: Division
) -> DataFrame:
    """Rows of column, fold, split, value, count and rank; of each three first, no more than the limit and null."""
    group = division.column
    pairs = rows.select(group, F.explode(_pairs(categories, classes, division)).alias("pair")).select(group, "pair.*")
    counts = _by_fold(pairs.groupBy("column", group, "value").count(), division)
    is_null = F.col("value") == NULL_TOKEN
    part = Window.partitionBy("column", "fold", "split")
    order = part.orderBy(is_null.desc(), F.col("count").desc(), F.col("value"))
    bound = F.when(F.col("column") == _CLASS, MAX_CLASSES + 1)
    for key, category in categories.items():
        bound = bound.when(F.col("column") == key, category.limit + 1)
    return counts.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= bound)


def _by_fold(counts: DataFrame, division: Division) -> DataFrame:
    """Rows of column, fold, split, value and count, from those by group: few beside what was counted."""
    if division == WHOLE:
        return counts.select("column", F.lit(0).alias("fold"), F.col(SPLIT).alias("split"), "value", "count")
    roles = [
        [
            {"fold": number, "split": fold.roles[group][0], "times": fold.roles[group][1]}
            for number, fold in enumerate(division.folds)
            if group in fold.roles
        ]
        for group in range(max(division.used) + 1)
    ]
    role = F.explode(F.get(constant(roles, _ROLES), F.col(division.column))).alias("role")
    folds = counts.select("column", "value", "count", role).select("column", "value", "count", "role.*")
    wanted = (F.col("column") == _CLASS) | (F.col("split") == TRAIN)
    together = folds.where(wanted).groupBy("column", "fold", "split", "value")
    return together.agg(F.sum(F.col("count") * F.col("times")).alias("count"))


def _pairs(categories: Mapping[int, Category], classes: Column | None, division: Division) -> Column:
    """Array of (column, value): one a column and one a value of a multi-valued column, and one of the class.

    Rows that do not count get an empty array. A filter would say the same, but Spark moves a filter on `SPLIT` down to
    the source, and writes everything that decides the split out for every column that it needs: the plan of 14 text
    columns then takes minutes.
    """
    single = {key: category.text for key, category in categories.items() if not category.multiple}
    arrays = [F.array(*(_pair(key, text) for key, text in single.items()))] if single else []
    arrays += [
        F.transform(F.coalesce(category.text, F.array().cast("array<string>")), _pair_of(key))
        for key, category in categories.items()
        if category.multiple
    ]
    group = F.col(division.column)
    parts = [F.when(group.isin(*division.trained_on), F.concat(*arrays))] if arrays else []
    if classes is not None:
        parts.append(F.when(group.isin(*division.used), F.array(_pair(_CLASS, classes))))
    return F.concat(*(F.coalesce(part, F.array().cast(_PAIRS)) for part in parts))


def _pair(key: int, text: Column) -> Column:
    return F.struct(F.lit(key).alias("column"), F.coalesce(text, F.lit(NULL_TOKEN)).alias("value"))


def _pair_of(key: int) -> Callable[[Column], Column]:
    return lambda value: _pair(key, value)


def _of(found: pa.Table, name: str, value: int) -> pa.Table:
    return found.filter(pc.equal(found[name], value))


def _categories(found: pa.Table) -> tuple[tuple[str, int], ...]:
    return tuple(zip(found["value"].to_pylist(), found["count"].to_pylist(), strict=True))


def _classes(found: pa.Table, names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    classes = {name: [0, 0, 0] for name in names}
    for split, value, count in zip(*(found[name].to_pylist() for name in ("split", "value", "count")), strict=True):
        classes[value][split] = count
    return {name: (counts[0], counts[1], counts[2]) for name, counts in classes.items()}
