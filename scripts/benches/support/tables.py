"""The tables that stores are prepared from, and that are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame, SparkSession

Write = Callable[[SparkSession, int, Path], None]
"""Writes a table of so many rows as Parquet files of a new folder."""

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


def wide_table(spark: SparkSession, rows: int) -> DataFrame:
    """A key, 500 numbers of which 3 % are null, a label."""
    numbers = [F.when(F.rand(i) < 0.03, None).otherwise(F.randn(i)).alias(f"n{i}") for i in range(500)]
    return spark.range(0, rows, numPartitions=FILES).select("id", *numbers, (F.rand(7) > 0.5).cast("int").alias("y"))


def write_very_wide(_: SparkSession, rows: int, folder: Path) -> None:
    """A key, 5,000 numbers of which 3 % are null, a label; Spark would compile 5,000 random generators for minutes."""
    folder.mkdir()
    for number, ids in enumerate(np.array_split(np.arange(rows), FILES)):
        random = np.random.default_rng(number)
        numbers = {
            f"n{i}": pa.array(random.normal(size=len(ids)), mask=random.random(len(ids)) < 0.03) for i in range(5000)
        }
        label = random.integers(0, 2, len(ids), np.int32)
        pq.write_table(pa.table({"id": ids, **numbers, "y": label}), folder / f"part-{number}.parquet")


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


def _one_in_1000(remainder: int) -> Column:
    return F.pmod("id", F.lit(1000)) == remainder


def _written(make: Callable[[SparkSession, int], DataFrame]) -> Write:
    return lambda spark, rows, folder: make(spark, rows).write.parquet(str(folder))


TABLES: dict[str, tuple[Write, int]] = {
    "mixed": (_written(mixed_table), 2_000_000),
    "large": (_written(mixed_table), 10_000_000),
    "wide": (_written(wide_table), 200_000),
    "very_wide": (write_very_wide, 20_000),
    "categories": (_written(many_categories), 2_000_000),
    "faulty": (_written(faulty_table), 500_000),
}
"""By name: how a table is written, and how many rows it has unless the bench is quick."""
