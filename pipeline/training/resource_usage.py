"""Memory and processor time of each rank, from its heartbeats, as metrics of the tracked run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pipeline.runtime.heartbeats import Heartbeat

SAMPLE_SECONDS = 10.0


class ResourceUsage:
    """Samples memory and processor time of all ranks every `SAMPLE_SECONDS`."""

    def __init__(
        self, tell: Callable[[Mapping[str, float], int], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`tell` takes metrics, and which sample they are, counted from 1."""
        self._tell, self._clock = tell, clock
        self._before: dict[int, Heartbeat] = {}
        self._due, self._samples = clock() + SAMPLE_SECONDS, 0

    def __call__(self, beats: Mapping[int, Heartbeat]) -> None:
        """Take a sample of the time since the one before, where one is due."""
        for rank, beat in beats.items():
            # A rank that was launched again has a clock of its own.
            if (
                rank not in self._before
                or beat.pid != self._before[rank].pid
                or beat.seconds < self._before[rank].seconds
            ):
                self._before[rank] = beat
        if self._clock() < self._due:
            return
        self._due, self._samples = self._clock() + SAMPLE_SECONDS, self._samples + 1
        metrics: dict[str, float] = {}
        for rank, beat in sorted(beats.items()):
            metrics |= _metrics(self._before[rank], beat)
        self._before = dict(beats)
        self._tell(metrics, self._samples)


def _metrics(before: Heartbeat, beat: Heartbeat) -> dict[str, float]:
    """Memory in megabytes; processor time in percent of one core, where time has passed."""
    name, seconds = f"system/rank_{beat.rank}", beat.seconds - before.seconds
    metrics = {f"{name}/memory_megabytes": beat.memory / 1e6}
    if seconds > 0:
        metrics[f"{name}/cpu_percent"] = 100.0 * (beat.cpu_seconds - before.cpu_seconds) / seconds
    return metrics
