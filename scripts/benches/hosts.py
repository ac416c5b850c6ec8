"""Training on two hosts of one rank each, joined by links of several delays and rates.

The hosts are network namespaces of this machine (this needs root, Linux and Python 3.12). Gradients travel as one
vector after backpropagation, or in buckets during it; both beside processes that do not talk to each other. Exchanges
alone, of several sizes, give the two constants of a link in docs/scaling.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import report, say
from support.link import INTERFACE, Link
from support.ranks import PIPES, RankGroup, serve_orders
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
OF_ONE_HOST = "shared_memory"
"""Two ranks of the first host, for exchanges alone."""


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
        serve_orders(lambda name: work_named(name, SingleWorld()))
        return
    os.environ["HOROVOD_GLOO_IFACE"] = INTERFACE
    hosts = ["a", "a"] if group == OF_ONE_HOST else ["a", "b"]
    meeting = Meeting(storage_path(str(folder / group)), hosts, rank, 300)
    with joined_world(meeting, recorded=lambda: RING if group == "one_vector" else None) as world:
        serve_orders(lambda name: work_named(name, world))


def work_named(name: str, world: Any) -> Callable[[int], None]:
    """The steps of a case, or exchanges of as many bytes as the name says."""
    return exchange_of(int(name), world) if name.isdecimal() else work_of(CASES[name], world)


def exchange_of(size: int, world: Any) -> Callable[[int], None]:
    """A function that exchanges so many vectors of `size` bytes."""
    import tensorflow as tf

    numbers = tf.ones([size // 4])
    exchange = tf.function(lambda: world.sum([numbers], f"of_{size}")[0][0])

    def work(count: int) -> None:
        for _ in range(count):
            float(exchange())

    return work


def start(link: Link, group: str, folder: Path) -> RankGroup:
    """The ranks of a group, one on each host."""
    command = (sys.executable, __file__, "--folder", str(folder), "--group", group, "--rank")
    hosts = (link.hosts[0],) * 2 if group == OF_ONE_HOST else link.hosts
    return RankGroup(tuple(host.run(*command, str(rank), **PIPES) for rank, host in enumerate(hosts)))


def measure(link: Link, groups: dict[str, RankGroup], seconds: float) -> dict[str, Any]:
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
    return {"step_ms": steps, "exchange_ms": measure_exchanges(groups["one_vector"], seconds / 2)}


def measure_exchanges(ranks: RankGroup, seconds: float) -> dict[int, float]:
    """Milliseconds of an exchange by its bytes."""
    exchanges = {}
    for size in EXCHANGED:
        count = max(1, round(seconds / ranks.seconds(str(size), 1)))
        exchanges[size] = round(
            1e3 * statistics.median(ranks.seconds(str(size), count) for _ in range(ROUNDS)) / count, 3
        )
    say(f"exchanges: {exchanges} ms by bytes")
    return exchanges


def measure_all(folder: Path, seconds: float) -> dict[str, Any]:
    """By setting of the link, and for ranks of one host."""
    link = Link()
    groups = {group: start(link, group, folder) for group in (*GROUPS, OF_ONE_HOST)}
    try:
        for group, ranks in groups.items():
            for work in (*(CASES if group in GROUPS else ()), *map(str, EXCHANGED)):
                ranks.seconds(work, 1)  # compiles
        neighbours = groups.pop(OF_ONE_HOST)
        figures: dict[str, Any] = {OF_ONE_HOST: {"exchange_ms": measure_exchanges(neighbours, seconds / 2)}}
        neighbours.close()
        for setting, (link.delay, link.rate) in LINKS.items():
            say(setting)
            figures[setting] = measure(link, groups, seconds)
        return figures
    finally:
        for ranks in groups.values():
            ranks.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench hosts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time")
    parser.add_argument("--group", choices=(*GROUPS, OF_ONE_HOST), help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.group is not None:
        serve(options.group, options.rank, options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        report("hosts", measure_all(Path(name), SECONDS / (10 if options.quick else 1)), [])


if __name__ == "__main__":
    main()
