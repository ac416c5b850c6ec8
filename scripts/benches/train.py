"""Training on several ranks of one host, beside as many processes that do not talk to each other.

All take the same steps, on arrays in memory, with one thread a process; they run in turns, and those whose turn it is
not are stopped, since Horovod's threads are never quite idle. Then a whole training from a store, launched as users
launch it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from report import Target, report, say
from support.ranks import PIPES, RankGroup, serve_orders

ROUNDS, SECONDS = 5, 1.5
EPOCHS, ROWS, BATCH, RANKS = 3, 1_000_000, 512, 2


@dataclass(frozen=True)
class Case:
    """A network and the rows of a rank's batch.

    Attributes:
        kind: `mlp` (52-64-64-1), `wide` (10 million weights, nearly all in one layer), `deep` (9 million in ten layers)
            or `cnn`.
        rows: of a rank's batch.
        steps: of a block.
        least: by the name of a group, the least share of the speed of processes that do not talk.
    """

    kind: str
    rows: int
    steps: int
    least: dict[str, float]


CASES = {
    "mlp-512": Case("mlp", 512, 16, {"shared-2": 0.85, "horovod-2": 0.28, "shared-4": 0.72, "hosts-4": 0.30}),
    "mlp-4096": Case("mlp", 4096, 16, {"shared-2": 0.92, "horovod-2": 0.60, "shared-4": 0.85, "hosts-4": 0.60}),
    "cnn-128": Case("cnn", 128, 16, {"shared-2": 0.92, "horovod-2": 0.78, "shared-4": 0.90, "hosts-4": 0.85}),
    "10m-128": Case("wide", 128, 4, {"shared-2": 0.87}),
    "10m-1024": Case("wide", 1024, 1, {"shared-2": 0.95}),
}
GROUPS = ("alone-2", "shared-2", "horovod-2", "alone-4", "shared-4", "hosts-4")
"""What a group's ranks exchange tensors by, and how many they are; those of `hosts` are divided among two hosts, which
share no memory and talk over loopback."""


def network_of(kind: str) -> Any:
    """An untrained network."""
    import keras

    if kind == "cnn":
        inputs = keras.Input((28 * 28,), name="numeric")
        x = keras.layers.Reshape((28, 28, 1))(inputs)
        for filters in (16, 32):
            x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(filters, 3, activation="relu")(x))
        return keras.Model({"numeric": inputs}, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    inputs = x = keras.Input((52,), name="numeric")
    for units in {"mlp": (64, 64), "wide": (3000, 3300), "deep": (1000,) * 10}[kind]:
        x = keras.layers.Dense(units, activation="relu")(x)
    return keras.Model({"numeric": inputs}, keras.layers.Dense(1)(x))


def work_of(case: Case, world: Any) -> Callable[[int], None]:
    """A function that takes so many blocks of steps."""
    import tensorflow as tf

    from pipeline.config.optimizer import OptimizerConfig
    from pipeline.feed.block import Block
    from pipeline.model.head import build_head
    from pipeline.schemas.label import LabelSpec
    from pipeline.training.optimizer import build_optimizer
    from pipeline.training.step_runner import StepRunner

    network = network_of(case.kind)
    classes, task = (10, "multiclass") if case.kind == "cnn" else (2, "binary")
    label = LabelSpec(name="y", task=task, classes=tuple(str(i) for i in range(classes)))
    # Rows that a network knows by heart have gradients so small that processors take ten times as long for them.
    optimizer = build_optimizer(OptimizerConfig(learning_rate=1e-9), world)
    runner = StepRunner(network, build_head(label, "auto"), optimizer, world)
    random, shape = np.random.default_rng(world.rank), (case.steps, case.rows)
    width = network.input["numeric"].shape[1]
    block = Block(
        {"numeric": tf.constant(random.random((*shape, width), np.float32))},
        tf.constant(random.integers(0, classes, shape).astype(np.float32)),
        tf.ones(shape),
        tf.ones(shape, tf.bool),
        tf.fill([case.steps], float(case.rows * world.size)),
    )

    def work(blocks: int) -> None:
        for _ in range(blocks):
            runner.train(block)
        if not runner.training.is_finite:  # waits for the steps, too
            raise SystemExit("the loss is not finite")

    return work


@contextmanager
def world_of(group: str, rank: int, folder: Path) -> Iterator[Any]:
    """The world of a rank of a group."""
    from pipeline.store.filesystem import storage_path
    from pipeline.training.agreement import Meeting
    from pipeline.training.join import joined_world
    from pipeline.training.world import SingleWorld

    exchange, _, size = group.partition("-")
    if exchange == "alone":
        yield SingleWorld()
        return
    hosts = ["localhost"] * int(size)
    if exchange == "hosts":
        os.environ["HOROVOD_GLOO_IFACE"] = "lo"
        hosts = ["a" if number < int(size) // 2 else "b" for number in range(int(size))]
    meeting = Meeting(storage_path(str(folder / group)), hosts, rank, 300)
    with joined_world(meeting, may_share=exchange != "horovod") as world:
        if exchange not in world.exchange:
            raise SystemExit(f"{group} exchanges by {world.exchange}")
        yield world


def serve(group: str, rank: int, folder: Path) -> None:
    """One process of a group: takes orders `case blocks` on standard input, answers with seconds."""
    from pipeline.model.device import configure_devices

    configure_devices(1, int(group.partition("-")[2]), rank)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})  # as ranks have cores of their own
    with world_of(group, rank, folder) as world:
        serve_orders(lambda case: work_of(CASES[case], world))


def start(group: str, folder: Path) -> RankGroup:
    """The processes of a group."""
    command = [sys.executable, __file__, "--group", group, "--folder", str(folder), "--rank"]
    return RankGroup(
        tuple(
            subprocess.Popen([*command, str(rank)], stderr=subprocess.DEVNULL, text=True, **PIPES)
            for rank in range(int(group.partition("-")[2]))
        )
    )


@contextmanager
def groups() -> Iterator[dict[str, RankGroup]]:
    """All groups, ready."""
    with tempfile.TemporaryDirectory() as name:
        measured = {group: start(group, Path(name)) for group in GROUPS}
        try:
            yield measured
        finally:
            for group in measured.values():
                group.close()


def measure_steps(seconds: float) -> dict[str, dict[str, list[float]]]:
    """Rows a second of each process, for each case and group, round by round."""
    measured: dict[str, dict[str, list[float]]] = {}
    with groups() as all_groups:
        for name, case in CASES.items():
            asked = {group: members for group, members in all_groups.items() if is_asked(group, case)}
            measured[name] = {group: [] for group in asked}
            for members in asked.values():
                members.seconds(name, 1)  # compiles
            blocks = max(1, round(seconds / asked["alone-2"].seconds(name, 1)))
            for number in range(ROUNDS):
                for group, members in asked.items():
                    rows = blocks * case.steps * case.rows
                    measured[name][group].append(round(rows / members.seconds(name, blocks)))
                    say(f"{name}, round {number + 1} of {ROUNDS}: {group} {measured[name][group][-1]} rows/s a process")
    return measured


def is_asked(group: str, case: Case) -> bool:
    """Whether there is a target for the group, or it is the reference of one."""
    return group in case.least or group in {f"alone-{other.partition('-')[2]}" for other in case.least}


def targets_of(steps: dict[str, dict[str, list[float]]]) -> Iterator[Target]:
    """Each group's share of the speed of as many processes that do not talk."""
    for name, case in CASES.items():
        for group, least in case.least.items():
            alone = steps[name][f"alone-{group.partition('-')[2]}"]
            ratios = [talking / silent for talking, silent in zip(steps[name][group], alone, strict=True)]
            yield Target(f"{name}, {group} / alone", round(statistics.median(ratios), 3), at_least=least)


def measure_training(rows: int) -> dict[str, Any]:
    """Seconds of a whole training on two ranks, launch included, first in fresh processes and then in warm ones."""
    from feed import make, the_store

    from pipeline.config.run import SparkConfig
    from pipeline.config.train import TrainConfig
    from pipeline.networks.mlp import MlpConfig
    from pipeline.runtime.spark import open_session
    from pipeline.training.job import RankJob
    from pipeline.training.launch import launch_training

    measured: dict[str, Any] = {"rows": rows, "seconds": [], "epochs": [], "input_bound": []}
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
            measured["seconds"].append(round(time.monotonic() - start, 2))
            measured["epochs"].append([round(record.seconds, 2) for record in history])
            measured["input_bound"].append([round(record.input_seconds, 2) for record in history])
            say(f"training: {measured['seconds'][-1]} s, epochs {measured['epochs'][-1]}")
        spark.stop()
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench train")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, and of the rows")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.group is not None:
        serve(options.group, options.rank, options.folder)
        return
    share = 10 if options.quick else 1
    steps, training = measure_steps(SECONDS / share), measure_training(ROWS // share)
    targets = [
        *targets_of(steps),
        Target("seconds of three epochs, with the launch in a warm session", training["seconds"][1], at_most=9.0),
        Target("seconds of an epoch once warm", max(training["epochs"][1][1:]), at_most=1.0),
    ]
    report("train", {"rows_per_second": steps, "training": training}, targets)


if __name__ == "__main__":
    main()
