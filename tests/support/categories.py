"""A column of a million categories, whose values are there once or twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyspark.sql.functions as F

from tests.support.store_specs import build, rows_of, spec_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VALUES = 1_000_000


def check_a_million_categories(spark: SparkSession, folder: Path, *, kept: int) -> None:
    """Build a store that keeps so many of them, and check that the more frequent ones have the smaller ids."""
    ids = spark.range(VALUES + 200_000)
    table = ids.select("id", F.concat(F.lit("number "), F.col("id") % VALUES).alias("c"), (F.col("id") % 7).alias("y"))
    table.write.parquet(str(folder / "t.parquet"))
    groups = [{"columns": ["c"], "max_categories": kept, "encoding": "embedding", "dimension": 2}]
    fractions = {"train": 0.998, "validation": 0.001, "test": 0.001}
    store_spec = spec_for(folder / "t.parquet", categorical=groups, key="id", fractions=fractions)
    store = build(spark, store_spec, folder / "root")
    (feature,) = store.features.categorical
    rows = rows_of(store)
    assert feature.size > 0.99 * kept
    counts = rows[(rows.split == "train") & (rows.c > 0)].groupby("c").size()
    assert counts.is_monotonic_decreasing
    assert counts.index.tolist() == list(range(1, feature.size))
