"""Training on two ranks, beside two processes that do not talk to each other.

Both pairs take the same steps, on arrays in memory, with one thread a process; they run in turns, and the pair whose
turn it is not is stopped, since Horovod's threads are never quite idle. Then a whole training from a store, launched as
users launch it.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from report import Target, report, say

RANKS, ROUNDS, SECONDS = 2, 5, 3.0
EPOCHS, ROWS, BATCH = 3, 1_000_000, 512
CASES = {"mlp-512": ("mlp", 512, 0.75), "mlp-4096": ("mlp", 4096, 0.85), "cnn-128": ("cnn", 128, 0.93)}
"""The network, the rows of a rank's batch, and the least share of the speed of processes that do not talk."""
STEPS = 16


def work_of(case: str, world: Any) -> Callable[[int], None]:
    """A function that takes so many blocks of steps."""
    import keras
    import tensorflow as tf

    from pipeline.config.optimizer import OptimizerConfig
    from pipeline.feed.block import Block
    from pipeline.model.head import build_head
    from pipeline.schemas.label import LabelSpec
    from pipeline.training.optimizer import build_optimizer
    from pipeline.training.step_runner import StepRunner

    kind, batch, _ = CASES[case]
    width, classes = (52, 2) if kind == "mlp" else (28 * 28, 10)
    inputs = keras.Input((width,), name="numeric")
    if kind == "mlp":
        x = keras.layers.Dense(64, activation="relu")(keras.layers.Dense(64, activation="relu")(inputs))
    else:
        x = keras.layers.Reshape((28, 28, 1))(inputs)
        for filters in (16, 32):
            x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(filters, 3, activation="relu")(x))
        x = keras.layers.Flatten()(x)
    network = keras.Model({"numeric": inputs}, keras.layers.Dense(1 if kind == "mlp" else classes)(x))
    task = "binary" if kind == "mlp" else "multiclass"
    label = LabelSpec(name="y", task=task, classes=tuple(str(i) for i in range(classes)))
    runner = StepRunner(network, build_head(label, "auto"), build_optimizer(OptimizerConfig(), world), world)
    random, shape = np.random.default_rng(world.rank), (STEPS, batch)
    block = Block(
        {"numeric": tf.constant(random.random((*shape, width), np.float32))},
        tf.constant(random.integers(0, classes, shape).astype(np.float32)),
        tf.ones(shape),
        tf.ones(shape, tf.bool),
        tf.fill([STEPS], float(batch * world.size)),
    )

    def work(blocks: int) -> None:
        for _ in range(blocks):
            runner.train(block)
        if not runner.training.is_finite:  # waits for the steps, too
            raise SystemExit("the loss is not finite")

    return work


def serve(rank: int, folder: Path, talking: bool) -> None:
    """One process of a pair: takes orders `case blocks` on standard input, answers with seconds."""
    from pipeline.model.device import configure_devices
    from pipeline.store.filesystem import storage_path
    from pipeline.training.horovod_world import horovod_world
    from pipeline.training.rendezvous import key_value_server, rank_environment
    from pipeline.training.world import SingleWorld

    configure_devices(1, RANKS, rank)
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})  # as ranks have cores of their own

    def orders(world: Any) -> None:
        works = {case: work_of(case, world) for case in CASES}
        for line in sys.stdin:
            case, blocks = line.split()
            start = time.monotonic()
            works[case](int(blocks))
            sys.stdout.write(f"{time.monotonic() - start}\n")
            sys.stdout.flush()

    if not talking:
        orders(SingleWorld())
        return
    with (
        key_value_server(storage_path(str(folder))) as port,
        horovod_world(rank_environment(["localhost"] * RANKS, rank, port, 300)) as world,
    ):
        orders(world)


class Pair:
    """Two processes that take the same orders at once."""

    def __init__(self, folder: Path, talking: bool) -> None:
        """They start, and are then stopped until the first order."""
        options = ["--talking"] if talking else []
        self._ranks = [
            subprocess.Popen(
                [sys.executable, __file__, "--rank", str(rank), "--folder", str(folder), *options],
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for rank in range(RANKS)
        ]

    def take(self, case: str, blocks: int) -> float:
        """Seconds until the slower one is done."""
        self._signal(signal.SIGCONT)
        for rank in self._ranks:
            rank.stdin.write(f"{case} {blocks}\n")
            rank.stdin.flush()
        seconds = max(float(rank.stdout.readline()) for rank in self._ranks)
        self._signal(signal.SIGSTOP)
        return seconds

    def close(self) -> None:
        """End both."""
        self._signal(signal.SIGKILL)
        for rank in self._ranks:
            rank.wait()

    def _signal(self, number: int) -> None:
        for rank in self._ranks:
            rank.send_signal(number)


@contextmanager
def pairs() -> Iterator[dict[str, Pair]]:
    """Both pairs, ready."""
    with tempfile.TemporaryDirectory() as name:
        found = {kind: Pair(Path(name), kind == "together") for kind in ("alone", "together")}
        try:
            yield found
        finally:
            for pair in found.values():
                pair.close()


def measure_steps(seconds: float) -> dict[str, dict[str, list[float]]]:
    """Rows a second of each process, for each case and pair, round by round."""
    found: dict[str, dict[str, list[float]]] = {case: {"alone": [], "together": []} for case in CASES}
    with pairs() as both:
        for case, (_, batch, _) in CASES.items():
            for pair in both.values():
                pair.take(case, 1)  # compiles
            blocks = max(1, round(10 * seconds / both["alone"].take(case, 10)))
            for number in range(ROUNDS):
                for kind, pair in both.items():
                    rows = blocks * STEPS * batch
                    found[case][kind].append(round(rows / pair.take(case, blocks)))
                    say(f"{case}, round {number + 1} of {ROUNDS}: {kind} {found[case][kind][-1]} rows/s a process")
    return found


def measure_training(rows: int) -> dict[str, Any]:
    """Seconds of a whole training on two ranks, launch included, first in fresh processes and then in warm ones."""
    from feed import make, the_store

    from pipeline.config.run import SparkConfig
    from pipeline.config.train import TrainConfig
    from pipeline.networks.mlp import MlpConfig
    from pipeline.runtime.spark import open_session
    from pipeline.training.job import RankJob
    from pipeline.training.launch import launch_training

    found: dict[str, Any] = {"rows": rows, "seconds": [], "epochs": [], "input_bound": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, rows)
        store_id = Path(the_store(folder).path.path).name
        master = SparkConfig(master=f"local[{RANKS}]", conf={"spark.driver.memory": "1g"})
        spark = open_session(master, app="bench", workers=RANKS)
        for turn in range(2):
            scratch = folder / f"scratch-{turn}"
            scratch.mkdir()
            settings = {"workers": RANKS, "batch_size": RANKS * BATCH, "epochs": EPOCHS, "early_stopping": None}
            job = RankJob(
                root=str(folder / "root"),
                name="bench",
                store_id=store_id,
                scratch=str(scratch),
                model=MlpConfig(hidden=(64, 64)),
                train=TrainConfig(**settings, steps_per_execution="auto"),
                seed=1,
            )
            start = time.monotonic()
            _, history = launch_training(spark, job, lambda _: None)
            found["seconds"].append(round(time.monotonic() - start, 2))
            found["epochs"].append([round(record.seconds, 2) for record in history])
            found["input_bound"].append([round(record.input_seconds, 2) for record in history])
            say(f"training: {found['seconds'][-1]} s, epochs {found['epochs'][-1]}")
        spark.stop()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench train")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, and of the rows")
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--talking", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.rank is not None:
        serve(told.rank, told.folder, told.talking)
        return
    share = 10 if told.quick else 1
    steps, training = measure_steps(SECONDS / share), measure_training(ROWS // share)
    targets = []
    for case, (_, _, least) in CASES.items():
        ratios = [two / one for two, one in zip(steps[case]["together"], steps[case]["alone"], strict=True)]
        targets.append(Target(f"two ranks / two apart, {case}", round(statistics.median(ratios), 3), at_least=least))
    targets.append(Target("seconds of three epochs, with the launch", training["seconds"][0], at_most=25.0))
    targets.append(Target("seconds of an epoch once warm", max(training["epochs"][0][1:]), at_most=3.5))
    report("train", {"rows_per_second": steps, "training": training}, targets)


if __name__ == "__main__":
    main()
