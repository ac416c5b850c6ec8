"""Ranks the most frequent values of each column in each fold, from counts by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, Window

from pipeline.arrays.tables import combined
from pipeline.preparation.rows.fold_roles import FoldAssignment, Roles
from pipeline.preparation.rows.split import TRAIN
from pipeline.schemas.tokens import NULL_TOKEN

CLASS = "\x00class"
"""The column name of the label's classes."""

RANKED = pa.schema([("column", pa.string()), ("split", pa.int32()), ("value", pa.string()), ("count", pa.int64())])


def counts_of_fold(counts: pa.Table, roles: Roles) -> pa.Table:
    """Counts of a fold by split, each group as often as it counts; of categories in training rows alone."""
    parts = []
    for group, (split, times) in roles.items():
        group_counts = counts.filter(pc.equal(counts["group"], group))
        if split != TRAIN:
            group_counts = of_column(group_counts, CLASS)
        fold_counts = pc.multiply(group_counts["count"], times)
        splits = pa.array([split] * len(group_counts), pa.int32())
        parts.append(pa.table([group_counts["column"], splits, group_counts["value"], fold_counts], schema=RANKED))
    return combined(parts, RANKED, count="sum")


def ranked(counts: pa.Table, limits: Mapping[str, int]) -> pa.Table:
    """Null first, then the most frequent values, ties by code point; at most `limits` of each column."""
    order = [
        ("column", "ascending"),
        ("split", "ascending"),
        ("null", "descending"),
        ("count", "descending"),
        ("value", "ascending"),
    ]
    counts = counts.append_column("null", pc.equal(counts["value"], NULL_TOKEN)).sort_by(order).drop("null")
    kept = [
        counts.filter(pc.and_(pc.equal(counts["column"], name), pc.equal(counts["split"], split))).slice(0, limit)
        for name, limit in limits.items()
        for split in pc.unique(counts["split"]).to_pylist()
    ]
    return pa.concat_tables([RANKED.empty_table(), *kept])


def counts_by_fold(counts: DataFrame, assignment: FoldAssignment) -> DataFrame:
    """Counts by column, fold, split and value, from those by group; computed by Spark."""
    roles = [
        (group, number, split, times, split == TRAIN)
        for number, fold in enumerate(assignment.folds)
        for group, (split, times) in fold.roles.items()
    ]
    role_rows = counts.sparkSession.createDataFrame(roles, "group int, fold int, split int, times int, trained boolean")
    wanted = F.col("trained") | (F.col("column") == CLASS)
    by_fold = counts.join(F.broadcast(role_rows), "group").where(wanted).groupBy("column", "fold", "split", "value")
    return by_fold.agg(F.sum(F.col("count") * F.col("times")).alias("count"))


def limited(counts: DataFrame, limits: Mapping[str, int]) -> DataFrame:
    """At most `limits` values of each column, fold and split; computed by Spark."""
    is_null = F.col("value") == NULL_TOKEN
    part = Window.partitionBy("column", "fold", "split")
    rank = F.row_number().over(part.orderBy(is_null.desc(), F.col("count").desc(), F.col("value")))
    limit_rows = counts.sparkSession.createDataFrame([*limits.items()], "column string, bound int")
    bounded = counts.withColumn("rank", rank).join(F.broadcast(limit_rows), "column").where("rank <= bound")
    return bounded.select("column", "fold", "split", "value", "count")


def of_column(counts: pa.Table, column: str) -> pa.Table:
    """The counts of one column."""
    return counts.filter(pc.equal(counts["column"], column))


def category_counts(counts: pa.Table) -> tuple[tuple[str, int], ...]:
    """Pairs of values and counts, in order."""
    return tuple(zip(counts["value"].to_pylist(), counts["count"].to_pylist(), strict=True))


def class_counts(counts: pa.Table, names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Counts of each class by split; 0 for a class that a fold does not have, so that all folds have all classes."""
    classes = {name: [0, 0, 0] for name in names}
    class_rows = of_column(counts, CLASS)
    for split, value, count in zip(
        *(class_rows[name].to_pylist() for name in ("split", "value", "count")), strict=True
    ):
        classes[value][split] = count
    return {name: (split_counts[0], split_counts[1], split_counts[2]) for name, split_counts in classes.items()}
