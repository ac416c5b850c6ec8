"""Preparing a store, beside a plain copy of the same table and the same features made by spark.ml.

Everything runs in one Spark session on two task slots with 4 GB of memory, in turns, after a first round that is not
counted: it warms the compiler for all of them alike.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyspark.sql.functions as F
from pyspark.ml import Pipeline
from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from report import Target, in_turns, ratio, report, say, seconds_of

from pipeline.config.load import parse_config
from pipeline.config.run import SparkConfig
from pipeline.data.build import build_store
from pipeline.data.recipe import StoreRecipe
from pipeline.data.source import open_source
from pipeline.runtime.progress import Progress
from pipeline.runtime.spark import open_session
from pipeline.runtime.terminal import Terminal
from pipeline.store.filesystem import open_root

ROWS, WIDE_ROWS, WIDE_COLUMNS, CATEGORIES = 2_000_000, 200_000, 500, 1_000_000
ROUNDS = 3
FILES = 8


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
    """A key, many numbers, a label."""
    numbers = [F.when(F.rand(i) < 0.03, None).otherwise(F.randn(i)).alias(f"n{i}") for i in range(WIDE_COLUMNS)]
    return spark.range(0, rows, numPartitions=FILES).select("id", *numbers, (F.rand(7) > 0.5).cast("int").alias("y"))


def many_categories(spark: SparkSession, rows: int) -> DataFrame:
    """A key, a text with a million values, a number, a label."""
    text = F.concat(F.lit("value-"), F.pmod(F.xxhash64("id"), F.lit(CATEGORIES)).cast("string"))
    label = (F.rand(7) > 0.5).cast("int")
    return spark.range(0, rows, numPartitions=FILES).select(
        "id", text.alias("c0"), F.randn(1).alias("n0"), label.alias("y")
    )


def copy(spark: SparkSession, table: Path, out: Path) -> None:
    """Read and write unchanged: the limit."""
    spark.read.parquet(str(table)).write.mode("overwrite").parquet(str(out / "copy"))


def by_spark_ml(spark: SparkSession, table: Path, out: Path) -> None:
    """Impute, index, one-hot, scale and assemble, as spark.ml's users do."""
    rows = spark.read.parquet(str(table))
    numbers = [name for name in rows.columns if name.startswith("n")]
    texts = [name for name in rows.columns if name.startswith("c")]
    stages = [
        Imputer(inputCols=numbers, outputCols=[f"{name}_i" for name in numbers]),
        VectorAssembler(inputCols=[f"{name}_i" for name in numbers], outputCol="numeric"),
        StandardScaler(inputCol="numeric", outputCol="scaled", withMean=True),
    ]
    if texts:
        indexed, encoded = [f"{name}_x" for name in texts], [f"{name}_o" for name in texts]
        stages += [
            StringIndexer(inputCols=texts, outputCols=indexed, handleInvalid="keep"),
            OneHotEncoder(inputCols=indexed, outputCols=encoded),
        ]
        stages.append(VectorAssembler(inputCols=["scaled", *encoded], outputCol="features"))
    else:
        stages.append(VectorAssembler(inputCols=["scaled"], outputCol="features"))
    model = Pipeline(stages=stages).fit(rows)
    stored = model.transform(rows).select(vector_to_array("features", "float32").alias("features"), "y")
    stored.write.mode("overwrite").parquet(str(out / "spark_ml"))


def by_us(spark: SparkSession, table: Path, out: Path, **categorical: object) -> None:
    """Fit on the training rows, transform, shuffle by hash, write, audit and publish."""
    names = spark.read.parquet(str(table)).columns
    groups = {
        "numeric": [{"columns": [name for name in names if name.startswith("n")]}],
        "categorical": [{"columns": [name], **categorical} for name in names if name.startswith("c")],
    }
    data = {"source": {"path": str(table), "format": "parquet"}, "label": "y", "key": "id"}
    config = parse_config({"name": "bench", "data": data, "features": groups, "storage": {"root": str(out / "root")}})
    root, recipe = open_root(str(out / "root")), StoreRecipe.of(config)
    source = open_source(spark, recipe.data.source, root)
    shutil.rmtree(out / "root", ignore_errors=True)
    build_store(spark, recipe, source, root=root, progress=Progress(Terminal(io.StringIO())))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench features")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    share = 10 if parser.parse_args().quick else 1
    rows, wide_rows = ROWS // share, WIDE_ROWS // share
    spark = open_session(SparkConfig(master="local[2]", conf={"spark.driver.memory": "4g"}), app="bench", workers=2)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        tables = {
            "mixed": mixed_table(spark, rows),
            "large": mixed_table(spark, 5 * rows),
            "wide": wide_table(spark, wide_rows),
            "categories": many_categories(spark, rows),
        }
        for name, table in tables.items():
            say(f"making {name}: {seconds_of(lambda table=table, name=name: table.write.parquet(str(out / name)))} s")
        figures, targets = _measure(spark, out, rows)
    report("features", figures, targets)


def _measure(spark: SparkSession, out: Path, rows: int) -> tuple[dict[str, object], list[Target]]:
    def works(name: str) -> dict[str, Callable[[], object]]:
        table = out / name
        return {
            "copy": lambda: copy(spark, table, out),
            "ours": lambda: by_us(spark, table, out),
            "spark_ml": lambda: by_spark_ml(spark, table, out),
        }

    mixed = {name: found[1:] for name, found in in_turns(ROUNDS + 1, works("mixed")).items()}
    wide = {name: found[1:] for name, found in in_turns(2, works("wide")).items()}
    large = in_turns(1, {"ours": works("large")["ours"]})
    categories = in_turns(1, {"ours": lambda: by_us(spark, out / "categories", out, max_categories=CATEGORIES)})
    per_row = ratio([large["ours"][0] / 5], [min(mixed["ours"])])
    figures = {"rows": rows, "mixed": mixed, "wide": wide, "large": large, "million_categories": categories}
    return figures, [
        Target("ours / copy", ratio(mixed["ours"], mixed["copy"]), at_most=1.6),
        Target("spark.ml / ours", ratio(mixed["spark_ml"], mixed["ours"]), at_least=4.0),
        Target("a row of five times the rows / a row", per_row, at_most=1.2),
        Target("spark.ml / ours, 500 columns", ratio(wide["spark_ml"], wide["ours"]), at_least=6.0),
    ]


if __name__ == "__main__":
    main()
