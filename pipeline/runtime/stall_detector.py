"""Watches the ranks of one launch, and determines which of them holds up the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import PipelineError, PlatformError
from pipeline.runtime.activity import FINISHED, JOINS, STARTS
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat

JOIN_SECONDS = 40.0
"""Ranks that have all started find each other in less than a second."""


@dataclass(frozen=True)
class Limits:
    """Time limits of ranks, in seconds.

    Attributes:
        start: from the first rank's first heartbeat until all have joined each other.
        stall: without progress of a rank.
    """

    start: float = 180.0
    stall: float = 600.0


@dataclass(frozen=True)
class _Observation:
    """A value observed of a rank, and the time of its last change."""

    value: object
    since: float

    def now(self, value: object, time: float) -> _Observation:
        return self if value == self.value else _Observation(value, time)


class StallDetector:
    """The observations of all ranks; all times are by the driver's clock."""

    def __init__(self, workers: int, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing has been observed yet."""
        self._workers, self._limits, self._clock = workers, limits, clock
        self._first: float | None = None
        self._numbers: dict[int, _Observation] = {}
        self._progress: dict[int, _Observation] = {}
        self._activities: dict[int, _Observation] = {}

    def failure(self, heartbeats: Mapping[int, Heartbeat]) -> PipelineError | None:
        """The failure that the heartbeats show; None where there is none.

        Args:
            heartbeats: the latest of every rank that has started.
        """
        if not heartbeats:
            return None
        now = self._clock()
        self._first = now if self._first is None else self._first
        for rank, heartbeat in heartbeats.items():
            observations = (
                (self._numbers, heartbeat.number),
                (self._progress, _progress_of(heartbeat)),
                (self._activities, heartbeat.activity),
            )
            for latest, value in observations:
                latest[rank] = latest.get(rank, _Observation(None, now)).now(value, now)
                if heartbeat.activity == FINISHED:  # others may take longer, and it sends no more heartbeats
                    del latest[rank]
        return (
            self._silent(heartbeats, now)
            or self._late(heartbeats, now - self._first, now)
            or self._still(heartbeats, now)
        )

    def _silent(self, heartbeats: Mapping[int, Heartbeat], now: float) -> PipelineError | None:
        silent = [heartbeats[rank] for rank, last in self._numbers.items() if now - last.since > self._limits.stall]
        if not silent:
            return None
        return RankLost(
            f"{_names(silent)} sent no heartbeat for {self._limits.stall:g} s (train.stall_seconds): stopped, "
            f"frozen by its host, or cut off from the storage. It was last seen at {silent[0].where}."
        )

    def _late(self, heartbeats: Mapping[int, Heartbeat], passed: float, now: float) -> PipelineError | None:
        """The failure of a rank that does not start, or of ranks that do not reach each other."""
        joining = [heartbeat for heartbeat in heartbeats.values() if heartbeat.activity == JOINS]
        if len(joining) == self._workers and all(now - last.since > JOIN_SECONDS for last in self._activities.values()):
            hosts = ", ".join(dict.fromkeys(heartbeat.host for heartbeat in joining))
            return PlatformError(
                f"The ranks did not reach each other within {JOIN_SECONDS:g} s. They run on {hosts}. Open the "
                "network between these hosts for all ports, or name its interface: HOROVOD_GLOO_IFACE."
            )
        missing = [
            rank for rank in range(self._workers) if rank not in heartbeats or heartbeats[rank].activity == STARTS
        ]
        if not missing or passed <= self._limits.start:
            return None
        ranks = ", ".join(map(str, missing))
        return RankLost(
            f"Rank {ranks} of {self._workers} was not ready within {self._limits.start:g} s (train.start_seconds). "
            "Check its host, or allow more time."
        )

    def _still(self, heartbeats: Mapping[int, Heartbeat], now: float) -> PipelineError | None:
        """The failure of the ranks that hold up the others, among all that make no progress."""
        # Ranks that wait for another one may have stalled a little earlier than the culprit, so it is sought among all
        # that have made no progress for half the limit.
        half_limit = self._limits.stall / 2
        if any(now - last.since > half_limit for last in self._numbers.values()):
            return None  # a rank without heartbeats is the more likely cause, and will be reported soon
        still_seconds = {rank: now - last.since for rank, last in self._progress.items() if last.value is not None}
        if max(still_seconds.values(), default=0.0) <= self._limits.stall:
            return None
        still = [heartbeats[rank] for rank, seconds in still_seconds.items() if seconds > half_limit]
        # The others wait for the culprit in a collective, or have begun more activities.
        held_up = [heartbeat for heartbeat in still if not heartbeat.executing] or still
        least = min(heartbeat.begun for heartbeat in held_up)
        blamed = [heartbeat for heartbeat in held_up if heartbeat.begun == least]
        return RankLost(
            f"{_names(blamed)} made no progress for {self._limits.stall:g} s (train.stall_seconds). Last activity: "
            f"{blamed[0].activity}, at {blamed[0].where}. Fix what blocks it, or allow more time."
        )


def _progress_of(heartbeat: Heartbeat) -> object:
    """A value that changes while a rank makes progress; None where there is none, because it may run long steps."""
    if heartbeat.begun:
        return heartbeat.begun
    # The start has a limit of its own.
    return (
        None if heartbeat.executing or heartbeat.activity in (STARTS, JOINS) else (heartbeat.activity, heartbeat.where)
    )


def _names(heartbeats: Sequence[Heartbeat]) -> str:
    names = [
        f"rank {heartbeat.rank} on {heartbeat.host} (process {heartbeat.pid})"
        for heartbeat in sorted(heartbeats, key=lambda b: b.rank)
    ]
    text = ", ".join(names)
    return f"{text[:1].upper()}{text[1:]}"
