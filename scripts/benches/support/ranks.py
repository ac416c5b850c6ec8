"""Ranks that wait for orders and run them at once, and are stopped while others are measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PIPES: dict[str, Any] = {
    "env": os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    "stdin": subprocess.PIPE,
    "stdout": subprocess.PIPE,
}
"""Options of `Popen` for a rank, as whose output text is read."""


def serve_orders(build: Callable[[str], Callable[[int], None]]) -> None:
    """Run orders `work count` of standard input, answering each with its seconds, until the input ends.

    Args:
        build: gives the function that does a work so many times, when it is first asked for.
    """
    works: dict[str, Callable[[int], None]] = {}
    for line in sys.stdin:
        name, count = line.split()
        if name not in works:
            works[name] = build(name)
        start = time.monotonic()
        works[name](int(count))
        sys.stdout.write(f"{time.monotonic() - start}\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class RankGroup:
    """Processes that run `serve_orders`, and take the same orders at once."""

    processes: tuple[subprocess.Popen[str], ...]

    def seconds(self, work: str, count: int) -> float:
        """Until the slowest one has done some work so many times. They are stopped before and after."""
        self._signal(signal.SIGCONT)
        for rank in self.processes:
            assert rank.stdin is not None
            rank.stdin.write(f"{work} {count}\n")
            rank.stdin.flush()
        seconds = max(float(rank.stdout.readline()) for rank in self.processes if rank.stdout is not None)
        self._signal(signal.SIGSTOP)
        return seconds

    def close(self) -> None:
        """End all."""
        self._signal(signal.SIGKILL)
        for rank in self.processes:
            rank.wait()

    def _signal(self, number: int) -> None:
        for rank in self.processes:
            rank.send_signal(number)
