"""The memory of Spark's Python workers on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

INTERVAL = 0.2
"""Seconds between two looks: what a worker has held at most is known for as long as it lives."""


def worker_peaks() -> list[float]:
    """Megabytes that each worker that this process's Spark session has now, and their parent, held at most."""
    peaks = []
    for process in psutil.Process().children(recursive=True):
        # A process may end between two looks at it.
        with suppress(psutil.Error, OSError, StopIteration):
            if "pyspark.daemon" in process.cmdline():
                peaks.append(_peak(process.pid))
    return peaks


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024, 1)


@contextmanager
def watched_workers() -> Iterator[list[float]]:
    """Looks until the block ends, workers that end before included; the list has the largest peak so far, in MB."""
    peak, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL):
            peak[0] = max([peak[0], *worker_peaks()])

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        peak[0] = max([peak[0], *worker_peaks()])
