"""What every bench prints."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Target:
    """A ratio, and the bound that it should keep."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


def report(bench: str, figures: dict[str, object], targets: list[Target]) -> None:
    """Print the one JSON line."""
    shown = [
        {key: value for key, value in asdict(target).items() if value is not None} | {"holds": target.holds}
        for target in targets
    ]
    ratios = {target.name: target.value for target in targets}
    line = json.dumps({"bench": bench, "figures": figures, "ratios": ratios, "targets": shown})
    sys.stdout.write(f"{line}\n")


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.monotonic()
    work()
    return round(time.monotonic() - start, 2)


def in_turns(rounds: int, works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each work, round by round, so that a busy machine is busy for all of them."""
    measured: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            measured[name].append(seconds_of(work))
            say(f"round {number + 1} of {rounds}: {name} {measured[name][-1]} s")
    return measured


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the rounds' ratios."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 2)


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"{text}\n")
