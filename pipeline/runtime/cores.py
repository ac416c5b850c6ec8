"""Reserves cores of a host for ranks: each computes on cores that no other rank of this user has.

Ranks that exchange gradients at every step wake each other all the time, and Linux tends to run a woken thread on the
core that woke it: two ranks then share one core while another one idles. On two cores, a step of a small convolutional
network took 14.8 ms on two ranks that may run anywhere, 10.7 ms on reserved cores, and 8.1 ms without an exchange.

A core is reserved by a lock on a file, which ends with its process. So parallel jobs never reserve the same core; a
rank that finds too few free cores runs anywhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipeline.store.lock import try_lock

TASKS = Path("/proc/self/task")


def default_folder() -> Path:
    """The folder of this user's locks, on this host."""
    return Path(tempfile.gettempdir(), f"pipeline-cores-{os.getuid()}")


@contextmanager
def reserved_cores(count: int, folder: Path | None = None) -> Iterator[tuple[int, ...]]:
    """Run all threads of this process on `count` cores until the block ends.

    Args:
        count: the number of cores.
        folder: the folder of the locks, the same for all ranks of a host.

    Yields:
        The cores; none where fewer are free, or where the system cannot bind threads to cores.
    """
    with ExitStack() as locks:
        cores = _take(count, folder or default_folder(), locks)
        if not cores:
            yield ()
            return
        before = os.sched_getaffinity(0)
        _bind(cores)
        try:
            yield cores
        finally:
            _bind(before)


def _take(count: int, folder: Path, locks: ExitStack) -> tuple[int, ...]:
    """The first free cores, locked until `locks` closes; none unless all of `count` are free."""
    if not hasattr(os, "sched_setaffinity") or not TASKS.exists():
        return ()
    with ExitStack() as taken:
        cores: list[int] = []
        with suppress(OSError):  # a folder that cannot be written must not prevent training
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for core in sorted(os.sched_getaffinity(0)):
                if len(cores) < count and try_lock(taken.enter_context((folder / f"{core}.lock").open("ab"))):
                    cores.append(core)
        if len(cores) < count:
            return ()
        locks.enter_context(taken.pop_all())
        return tuple(cores)


def _bind(cores: Collection[int]) -> None:
    """Bind all threads: each has its own set of cores, and a new thread inherits that of the thread that starts it."""
    for task in TASKS.iterdir():
        with suppress(OSError):  # it has just ended
            os.sched_setaffinity(int(task.name), cores)
