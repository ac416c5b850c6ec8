"""The tables that stores are prepared from, and that are scored."""

from __future__ import annotations

from collections.abc import Callable

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

CATEGORIES = 1_000_000
FILES = 8
QUICK = 20
"""By how much tables are smaller where a bench is to be quick."""


def mixed_table(spark: SparkSession, rows: int) -> DataFrame:
    """A key, ten numbers of which 3 % are null, six texts with 5 to 30 values, a label of two classes."""
    numbers = [
        F.when(F.rand(50 + i) < 0.03, None).otherwise(F.randn(i) * (i + 1) + i).alias(f"n{i}") for i in range(10)
    ]
    texts = [
        F.concat(F.lit(f"c{i}_"), (F.rand(100 + i) * (5 * (i + 1))).cast("int").cast("string")).alias(f"c{i}")
        for i in range(6)
    ]
    signal = F.coalesce(F.col("n0"), F.lit(0.0)) - F.coalesce(F.col("n1"), F.lit(1.0)) / 2
    label = (signal + (F.col("c0") == "c0_1").cast("int") + F.randn(7) > 0.5).cast("int")
    return spark.range(0, rows, numPartitions=FILES).select("id", *numbers, *texts).withColumn("y", label)


def wide_table(spark: SparkSession, rows: int, *, columns: int = 500) -> DataFrame:
    """A key, many numbers of which 3 % are null, a label."""
    numbers = [f"CASE WHEN rand({i}) < 0.03 THEN NULL ELSE randn({i}) END AS n{i}" for i in range(columns)]
    return spark.range(0, rows, numPartitions=FILES).selectExpr("id", *numbers, "CAST(rand(7) > 0.5 AS INT) AS y")


def many_categories(spark: SparkSession, rows: int) -> DataFrame:
    """A key, a text with a million values, a number, a label."""
    text = F.concat(F.lit("value-"), F.pmod(F.xxhash64("id"), F.lit(CATEGORIES)).cast("string"))
    label = (F.rand(7) > 0.5).cast("int")
    return spark.range(0, rows, numPartitions=FILES).select(
        "id", text.alias("c0"), F.randn(1).alias("n0"), label.alias("y")
    )


def faulty_table(spark: SparkSession, rows: int) -> DataFrame:
    """The mixed table with tags, a date, a time and a weight; of 1,000 rows, one lacks its label, one its weight."""
    tags = [F.concat(F.lit("t"), (F.rand(200 + i) * 20).cast("int").cast("string")) for i in range(3)]
    day = F.date_add(F.lit("2020-01-01").cast("date"), (F.rand(300) * 1500).cast("int"))
    moment = F.timestamp_seconds((F.rand(301) * 1.5e8 + 1.5e9).cast("long"))
    return (
        mixed_table(spark, rows)
        .withColumn("tags", F.concat_ws("|", *tags))
        .withColumn("day", day)
        .withColumn("moment", F.date_format(moment, "yyyy-MM-dd HH:mm:ss"))
        .withColumn("w", F.when(_one_in_1000(3), -1.0).otherwise(F.rand(302) + 0.5))
        .withColumn("y", F.when(_one_in_1000(5), None).otherwise(F.col("y")))
    )


def _one_in_1000(place: int) -> Column:
    return F.pmod("id", F.lit(1000)) == place


TABLES: dict[str, tuple[Callable[[SparkSession, int], DataFrame], int]] = {
    "mixed": (mixed_table, 2_000_000),
    "large": (mixed_table, 10_000_000),
    "wide": (wide_table, 200_000),
    "very_wide": (lambda spark, rows: wide_table(spark, rows, columns=5000), 20_000),
    "categories": (many_categories, 2_000_000),
    "faulty": (faulty_table, 500_000),
}
"""By name: how a table is made, and how many rows it has otherwise."""
