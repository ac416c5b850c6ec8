"""What k folds cost: their features beside those of one store, and a whole cross-validation beside its training runs.

Features are prepared in one Spark session on two task slots, in turns, after a first round that is not counted.
Processor time is that of this process and of all that it started, Java's compiler included. A cross-validation runs two
folds at a time, a rank each, on folds that are there already, after one that warms up Spark's Python workers.

Equal training runs of five folds cannot be divided evenly among two slots: the third round has one. So the whole is
also compared with what the training runs alone take if each begins when a slot becomes free.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession
from report import Target, ratio, report, say, seconds_of
from support.tables import wide_table

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig, SparkConfig
from pipeline.config.split import FoldConfig
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.writing.build_store import build_store
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.fold_stores import build_folds
from pipeline.runtime.progress import Progress
from pipeline.runtime.spark import open_session
from pipeline.runtime.terminal import Terminal
from pipeline.stages.crossval import cross_validate
from pipeline.store.filesystem import storage_path

ROWS, NUMBERS, TEXTS = 1_000_000, 15, 8
WIDE_ROWS = 100_000
TRAINED_ROWS, EPOCHS = 400_000, 8
FOLDS, PARALLEL = 5, 2
ROUNDS, WIDE_ROUNDS = 3, 1
FILES = 8


def mixed_table(spark: SparkSession, rows: int) -> DataFrame:
    """A key, numbers of which 3 % are null, texts with 5 to 40 values, a label of two classes."""
    numbers = [
        F.when(F.rand(50 + i) < 0.03, None).otherwise(F.randn(i) * (i + 1) + i).alias(f"n{i}") for i in range(NUMBERS)
    ]
    texts = [
        F.concat(F.lit(f"c{i}_"), (F.rand(100 + i) * (5 * (i + 1))).cast("int").cast("string")).alias(f"c{i}")
        for i in range(TEXTS)
    ]
    signal = F.coalesce(F.col("n0"), F.lit(0.0)) - F.coalesce(F.col("n1"), F.lit(1.0)) / 2
    label = (signal + (F.col("c0") == "c0_1").cast("int") + F.randn(7) > 0.5).cast("int")
    return spark.range(0, rows, numPartitions=FILES).select("id", *numbers, *texts).withColumn("y", label)


def config_of(spark: SparkSession, table: Path, root: Path, *, epochs: int = EPOCHS) -> RunConfig:
    """The usual features of all columns, and a training run of a few seconds."""
    names = spark.read.parquet(str(table)).columns
    features = {
        "numeric": [{"columns": [name for name in names if name.startswith("n")]}],
        "categorical": [{"columns": [name]} for name in names if name.startswith("c")],
    }
    return parse_config(
        {
            "name": "bench",
            "storage": {"root": str(root)},
            "data": {"source": {"path": str(table), "format": "parquet"}, "label": "y", "key": "id"},
            "features": features,
            "train": {"epochs": epochs, "batch_size": 256, "early_stopping": None, "cache": "memory"},
            "crossval": {"folds": FOLDS, "parallel_folds": PARALLEL},
            "spark": {"master": f"local[{PARALLEL}]"},
        }
    )


def prepare_one(spark: SparkSession, table: Path, root: Path) -> None:
    """A store of all rows."""
    _build(spark, table, root, folds=False)


def prepare_folds(spark: SparkSession, table: Path, root: Path) -> None:
    """The stores of all folds."""
    _build(spark, table, root, folds=True)


def _build(spark: SparkSession, table: Path, root: Path, *, folds: bool) -> None:
    store_spec = StoreSpec.of(config_of(spark, table, root))
    root_path, progress = storage_path(str(root)), Progress(Terminal(io.StringIO()))
    source = open_source(spark, store_spec.data.source, root_path)
    shutil.rmtree(root, ignore_errors=True)
    if folds:
        build_folds(spark, FoldsSpec(store_spec, FoldConfig(folds=FOLDS)), source, root=root_path, progress=progress)
    else:
        build_store(spark, store_spec, source, root=root_path, progress=progress)


def measured(rounds: int, works: dict[str, Callable[[], object]]) -> dict[str, dict[str, list[float]]]:
    """Wall clock and processor seconds of each work, in turns, without the first round."""
    measured = {name: {"seconds": [], "processor_seconds": []} for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            before = _processor_seconds()
            wall = seconds_of(work)
            spent = round(_processor_seconds() - before, 2)
            say(f"round {number} of {rounds}: {name} {wall} s, {spent} s of processor time")
            if number:
                measured[name]["seconds"].append(wall)
                measured[name]["processor_seconds"].append(spent)
    return measured


def _processor_seconds() -> float:
    """Of this process and of all that it started; of those that ended, what their parents know."""
    process = psutil.Process()
    return sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))


def validated(
    spark: SparkSession, table: Path, root: Path, *, epochs: int
) -> tuple[float, float, list[dict[str, Any]]]:
    """Seconds of a cross-validation on folds that are there already, its processor seconds, and its folds."""
    config = config_of(spark, table, root, epochs=epochs)
    before = _processor_seconds()
    result = cross_validate(config, spark=spark)
    spent = _processor_seconds() - before
    (file,) = (root / "mlartifacts").glob(f"{result.run_id}/artifacts/crossval.json")
    return result.seconds, spent, list(json.loads(file.read_text())["scores"])


def shared_out(seconds: Iterable[float], slots: int) -> float:
    """When the last of some pieces of work ends, if each begins where a slot becomes free first."""
    ends = [0.0] * slots
    for piece in seconds:
        ends = sorted(ends)
        ends[0] += piece
    return max(ends)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench crossval")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rows")
    share = 5 if parser.parse_args().quick else 1
    conf = {"spark.driver.memory": "4g"}
    spark = open_session(SparkConfig(master=f"local[{PARALLEL}]", conf=conf), app="bench", workers=PARALLEL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = {
            "mixed": mixed_table(spark, ROWS // share),
            "wide": wide_table(spark, WIDE_ROWS // share),
            "trained": mixed_table(spark, TRAINED_ROWS // share),
        }
        for table, rows in tables.items():
            rows.write.parquet(str(folder / table))
        features = {
            table: _features(spark, folder / table, folder / "root", rounds)
            for table, rounds in (("mixed", ROUNDS), ("wide", WIDE_ROUNDS))
        }
        whole = _whole(spark, folder / "trained", folder / "root")
    targets = [
        Target(
            f"features of {FOLDS} folds / of one store, {table}, {kind.replace('_', ' ')}",
            ratio(measured["folds"][kind], measured["store"][kind]),
            at_most=1.2,
        )
        for table, measured in features.items()
        for kind in ("processor_seconds", "seconds")
    ]
    training = whole["training_seconds"]
    targets += [
        Target(f"whole cross-validation / trainings {name}", round(whole["seconds"] / reference, 3), at_most=at_most)
        for name, reference, at_most in (
            ("divided by the parallelism", sum(training) / PARALLEL, 1.15),
            ("shared out among the slots", shared_out(training, PARALLEL), 1.25),
        )
    ]
    report("crossval", {"rows": ROWS // share, "features": features, "whole": whole}, targets)


def _features(spark: SparkSession, table: Path, root: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    works: dict[str, Callable[[], object]] = {
        "store": lambda: prepare_one(spark, table, root),
        "folds": lambda: prepare_folds(spark, table, root),
    }
    return measured(rounds, works)


def _whole(spark: SparkSession, table: Path, root: Path) -> dict[str, Any]:
    prepare_folds(spark, table, root)
    validated(spark, table, root, epochs=1)
    seconds, spent, folds = validated(spark, table, root, epochs=EPOCHS)
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(spent, 2),
        "fold_seconds": [round(fold["seconds"], 2) for fold in folds],
        "training_seconds": [round(fold["training_seconds"], 2) for fold in folds],
    }


if __name__ == "__main__":
    main()
