"""Training on two hosts of one rank each, joined by links of several delays and rates.

The hosts are network namespaces of this machine (this needs root, Linux and Python 3.12). Gradients travel as one
vector after backpropagation, or in buckets during it; both beside processes that do not talk to each other. Exchanges
alone, of several sizes, give the two constants of a link in docs/scaling.md.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import report, say
from support.link import INTERFACE, Link
from train import Case, work_of

ROUNDS, SECONDS = 3, 2.0
LINKS = {"0.1 ms, 10 Gbit/s": (1e-4, 1.25e9), "1 ms, 1 Gbit/s": (1e-3, 1.25e8), "5 ms, 1 Gbit/s": (5e-3, 1.25e8)}
"""Seconds from one host to the other, and bytes a second."""
CASES = {
    "mlp-4096": Case("mlp", 4096, 4, {}),
    "deep-128": Case("deep", 128, 2, {}),
    "deep-1024": Case("deep", 1024, 1, {}),
}
EXCHANGED = (30_000, 1_000_000, 40_000_000)
"""Bytes."""
GROUPS = ("alone", "one_vector", "buckets")


def serve(group: str, rank: int, folder: Path) -> None:
    """One rank: takes orders `work count` on standard input, answers with seconds."""
    from pipeline.model.device import configure_devices
    from pipeline.store.filesystem import storage_path
    from pipeline.training.agreement import Meeting
    from pipeline.training.join import joined_world
    from pipeline.training.world import RING, SingleWorld

    configure_devices(1, 1, 0, overlaps=group == "buckets")
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    if group == "alone":
        answer(SingleWorld())
        return
    os.environ["HOROVOD_GLOO_IFACE"] = INTERFACE
    meeting = Meeting(storage_path(str(folder / group)), ["a", "b"], rank, 300)
    with joined_world(meeting, recorded=lambda: RING if group == "one_vector" else None) as world:
        answer(world)


def answer(world: Any) -> None:
    """Until standard input ends."""
    works: dict[str, Callable[[int], None]] = {}
    for line in sys.stdin:
        name, count = line.split()
        if name not in works:
            works[name] = exchange_of(int(name), world) if name.isdecimal() else work_of(CASES[name], world)
        start = time.monotonic()
        works[name](int(count))
        sys.stdout.write(f"{time.monotonic() - start}\n")
        sys.stdout.flush()


def exchange_of(size: int, world: Any) -> Callable[[int], None]:
    """A function that exchanges so many vectors of `size` bytes."""
    import tensorflow as tf

    numbers = tf.ones([size // 4])
    exchange = tf.function(lambda: world.sum([numbers], f"of_{size}")[0][0])

    def work(count: int) -> None:
        for _ in range(count):
            float(exchange())

    return work


@dataclass(frozen=True)
class Ranks:
    """The ranks of a group, one on each host; stopped while others are measured."""

    processes: tuple[subprocess.Popen[str], ...]

    def seconds(self, work: str, count: int) -> float:
        """Until the slower one has done some work so many times."""
        self.send(signal.SIGCONT)
        for rank in self.processes:
            assert rank.stdin is not None
            rank.stdin.write(f"{work} {count}\n")
            rank.stdin.flush()
        seconds = max(float(rank.stdout.readline()) for rank in self.processes if rank.stdout is not None)
        self.send(signal.SIGSTOP)
        return seconds

    def send(self, number: int) -> None:
        """Send a signal to all."""
        for rank in self.processes:
            rank.send_signal(number)


def start(link: Link, group: str, folder: Path) -> Ranks:
    """The ranks of a group."""
    command = (sys.executable, __file__, "--folder", str(folder), "--group", group, "--rank")
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}}
    return Ranks(tuple(host.run(*command, str(rank), **options) for rank, host in enumerate(link.hosts)))


def measure(link: Link, groups: dict[str, Ranks], seconds: float) -> dict[str, Any]:
    """Milliseconds of a step by case and group, and of an exchange by bytes, for one setting of the link."""
    steps: dict[str, dict[str, float]] = {}
    for case, shape in CASES.items():
        count = max(1, round(seconds / groups["one_vector"].seconds(case, 1)))
        measured: dict[str, list[float]] = {group: [] for group in groups}
        for _ in range(ROUNDS):
            for group, ranks in groups.items():
                measured[group].append(1e3 * ranks.seconds(case, count) / count / shape.steps)
        steps[case] = {group: round(statistics.median(values), 2) for group, values in measured.items()}
        say(f"{case}: {steps[case]} ms a step")
    exchanges = {}
    for size in EXCHANGED:
        count = max(1, round(seconds / 2 / groups["one_vector"].seconds(str(size), 1)))
        exchanges[size] = round(1e3 * groups["one_vector"].seconds(str(size), count) / count, 2)
    say(f"exchanges: {exchanges} ms by bytes")
    return {"step_ms": steps, "exchange_ms": exchanges}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench hosts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time")
    parser.add_argument("--group", choices=GROUPS, help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.group is not None:
        serve(options.group, options.rank, options.folder)
        return
    link, figures = Link(), {}
    with tempfile.TemporaryDirectory() as name:
        groups = {group: start(link, group, Path(name)) for group in GROUPS}
        try:
            for ranks in groups.values():
                for work in (*CASES, *map(str, EXCHANGED)):
                    ranks.seconds(work, 1)  # compiles
            for setting, (link.delay, link.rate) in LINKS.items():
                say(setting)
                figures[setting] = measure(link, groups, SECONDS / (10 if options.quick else 1))
        finally:
            for ranks in groups.values():
                ranks.send(signal.SIGKILL)
    report("hosts", figures, [])


if __name__ == "__main__":
    main()
