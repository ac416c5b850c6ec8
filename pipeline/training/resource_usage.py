"""Memory and processor time of each rank, from its heartbeats, as metrics of the tracked run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pipeline.runtime.heartbeats import Heartbeat

SAMPLE_SECONDS = 10.0


class ResourceUsage:
    """Samples memory and processor time of all ranks every `SAMPLE_SECONDS`."""

    def __init__(
        self, log_metrics: Callable[[Mapping[str, float], int], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`log_metrics` takes the metrics and the number of the sample, counted from 1."""
        self._log_metrics, self._clock = log_metrics, clock
        self._before: dict[int, Heartbeat] = {}
        self._due, self._samples = clock() + SAMPLE_SECONDS, 0

    def __call__(self, heartbeats: Mapping[int, Heartbeat]) -> None:
        """Log a sample over the time since the previous one, if one is due."""
        for rank, heartbeat in heartbeats.items():
            # A rank that was relaunched has a new clock.
            if (
                rank not in self._before
                or heartbeat.pid != self._before[rank].pid
                or heartbeat.seconds < self._before[rank].seconds
            ):
                self._before[rank] = heartbeat
        if self._clock() < self._due:
            return
        self._due, self._samples = self._clock() + SAMPLE_SECONDS, self._samples + 1
        metrics: dict[str, float] = {}
        for rank, heartbeat in sorted(heartbeats.items()):
            metrics |= _metrics(self._before[rank], heartbeat)
        self._before = dict(heartbeats)
        self._log_metrics(metrics, self._samples)


def _metrics(before: Heartbeat, heartbeat: Heartbeat) -> dict[str, float]:
    """Memory in megabytes, and processor time in percent of one core."""
    name, seconds = f"system/rank_{heartbeat.rank}", heartbeat.seconds - before.seconds
    metrics = {f"{name}/memory_megabytes": heartbeat.memory / 1e6}
    if seconds > 0:
        metrics[f"{name}/cpu_percent"] = 100.0 * (heartbeat.cpu_seconds - before.cpu_seconds) / seconds
    return metrics
