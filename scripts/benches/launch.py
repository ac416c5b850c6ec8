"""The launch of two ranks, from the call to the end of the first step, beside one process that imports TensorFlow.

The step is that of a small network under the pipeline's own optimizer, summed over the ranks. Cold is the first launch
of a Spark session, whose Python workers must start and import everything; warm is each later one. Driver and ranks are
on one machine, whose monotonic clock they share.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from report import Target, report, say, seconds_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline.runtime.rank_info import RankInfo

WORKERS = 2
COLD, WARM = 3, 5
"""Sessions, and launches in each after the first."""
IMPORT = "import tensorflow, keras"


def first_step(payload: str, info: RankInfo) -> str:
    """Join, build, take one step; the time at which it was done."""
    import keras
    import tensorflow as tf

    from pipeline.config.optimizer import OptimizerConfig
    from pipeline.training.entry import join_world
    from pipeline.training.optimizer import build_optimizer

    keras.backend.clear_session()
    with join_world(info, 60.0) as world:
        layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(64, "relu"), keras.layers.Dense(1)]
        network = keras.Sequential([keras.Input((52,)), *layers])
        optimizer = build_optimizer(OptimizerConfig(), world)
        optimizer.build(network.trainable_variables)

        @tf.function(input_signature=[tf.TensorSpec((512, 52))])
        def step(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(network(x, training=True) ** 2)
            optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
            return loss

        # As `StepRunner` does: called, each launch's function would count as a retracing of the one before.
        step.get_concrete_function()(tf.ones((512, 52))).numpy()
        done = time.monotonic()
    return repr(done)


def launch(spark: SparkSession, folder: str) -> float:
    """Seconds until both ranks have taken their first step."""
    from pipeline.runtime.ranks import run_ranks
    from pipeline.store.filesystem import storage_path

    start = time.monotonic()
    ends = run_ranks(spark, WORKERS, "launch:first_step", payload="", scratch=storage_path(folder))
    return round(max(map(float, ends)) - start, 2)


def session(folder: str, launches: int) -> list[float]:
    """Seconds of each launch of one session."""
    from pipeline.config.run import SparkConfig
    from pipeline.runtime.spark import close_session, open_session

    config = SparkConfig(master=f"local[{WORKERS}]", conf={"spark.driver.memory": "1g"})
    spark = open_session(config, app="bench launch", workers=WORKERS)
    try:
        spark.range(1).count()  # Java loads its classes for any job
        return [launch(spark, folder) for _ in range(launches)]
    finally:
        close_session()


def import_once() -> None:
    """In a process of its own."""
    subprocess.run([sys.executable, "-c", IMPORT], check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench launch")
    parser.add_argument("--quick", action="store_true", help="one session with one launch more")
    quick = parser.parse_args().quick
    here = Path(__file__).resolve()
    # Spark's workers find this file, whose function they run, and the pipeline.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here.parent), str(here.parents[2])])
    sys.path.insert(1, str(here.parents[2]))
    import_once()  # from the disk
    cold: list[float] = []
    warm: list[float] = []
    imports: list[float] = []
    for number in range(1 if quick else COLD):
        imports.append(seconds_of(import_once))
        with tempfile.TemporaryDirectory() as folder:
            first, *later = session(folder, 2 if quick else 1 + WARM)
        cold.append(first)
        warm.extend(later)
        say(f"session {number + 1}: import {imports[-1]} s, cold {first} s, warm {later} s")
    over = round(statistics.median(c - 2 * i for c, i in zip(cold, imports, strict=True)), 2)
    targets = [
        Target("seconds of a cold launch beyond twice an import", over, at_most=3.0),
        Target("seconds of a warm launch", round(statistics.median(warm), 2), at_most=1.5),
    ]
    report("launch", {"import": imports, "cold": cold, "warm": warm}, targets)


if __name__ == "__main__":
    main()
