"""Watches the ranks of one launch, and says which of them holds up the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import PipelineError, PlatformError
from pipeline.runtime.activity import JOINS, STARTS
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat

JOIN_SECONDS = 40.0
"""Ranks that have all started find each other in less than a second."""


@dataclass(frozen=True)
class Limits:
    """How long ranks may take, in seconds.

    Attributes:
        start: from the first rank's first beat until all have joined the others.
        stall: without any progress of a rank.
    """

    start: float = 180.0
    stall: float = 600.0


@dataclass(frozen=True)
class _Seen:
    """One thing of a rank, and since when it is what it is."""

    value: object
    since: float

    def now(self, value: object, time: float) -> _Seen:
        return self if value == self.value else _Seen(value, time)


class StallDetector:
    """What is known of the ranks; all times are the watcher's."""

    def __init__(self, workers: int, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known at first."""
        self._workers, self._limits, self._clock = workers, limits, clock
        self._first: float | None = None
        self._lives: dict[int, _Seen] = {}
        self._marks: dict[int, _Seen] = {}
        self._activities: dict[int, _Seen] = {}

    def trouble(self, beats: Mapping[int, Heartbeat]) -> PipelineError | None:
        """What is wrong with the ranks, if anything.

        Args:
            beats: the latest of every rank that has begun.
        """
        if not beats:
            return None
        now = self._clock()
        self._first = now if self._first is None else self._first
        for rank, beat in beats.items():
            observations = ((self._lives, beat.number), (self._marks, _mark(beat)), (self._activities, beat.activity))
            for latest, value in observations:
                latest[rank] = latest.get(rank, _Seen(None, now)).now(value, now)
        return self._silent(beats, now) or self._late(beats, now - self._first, now) or self._still(beats, now)

    def _silent(self, beats: Mapping[int, Heartbeat], now: float) -> PipelineError | None:
        silent = [beats[rank] for rank, seen in self._lives.items() if now - seen.since > self._limits.stall]
        if not silent:
            return None
        return RankLost(
            f"{_names(silent)} gave no sign of life for {self._limits.stall:g} s (train.stall_seconds): stopped, "
            f"frozen by its host, or cut off from the storage. It was last seen at {silent[0].where}."
        )

    def _late(self, beats: Mapping[int, Heartbeat], passed: float, now: float) -> PipelineError | None:
        """A rank that does not come, or ranks that do not find each other."""
        joining = [beat for beat in beats.values() if beat.activity == JOINS]
        if len(joining) == self._workers and all(now - seen.since > JOIN_SECONDS for seen in self._activities.values()):
            hosts = ", ".join(dict.fromkeys(beat.host for beat in joining))
            return PlatformError(
                f"The ranks did not reach each other within {JOIN_SECONDS:g} s. They run on {hosts}. Open the "
                "network between these hosts for all ports, or name its interface: HOROVOD_GLOO_IFACE."
            )
        missing = [rank for rank in range(self._workers) if rank not in beats or beats[rank].activity == STARTS]
        if not missing or passed <= self._limits.start:
            return None
        ranks = ", ".join(map(str, missing))
        return RankLost(
            f"Rank {ranks} of {self._workers} was not ready within {self._limits.start:g} s (train.start_seconds). "
            "Look at its host, or allow more time."
        )

    def _still(self, beats: Mapping[int, Heartbeat], now: float) -> PipelineError | None:
        """Of the ranks that stand still, those that hold up the others."""
        # Those that wait for another one may have stood a little longer than it has; it is sought among both.
        doubt = self._limits.stall / 2
        if any(now - seen.since > doubt for seen in self._lives.values()):
            return None  # a rank that has fallen silent is the more likely cause, and found in a while
        stood = {rank: now - seen.since for rank, seen in self._marks.items() if seen.value is not None}
        if max(stood.values(), default=0.0) <= self._limits.stall:
            return None
        still = [beats[rank] for rank, seconds in stood.items() if seconds > doubt]
        # The others wait for it in a collective, or have begun more than it has.
        held_up = [beat for beat in still if not beat.executing] or still
        least = min(beat.begun for beat in held_up)
        blamed = [beat for beat in held_up if beat.begun == least]
        return RankLost(
            f"{_names(blamed)} made no progress for {self._limits.stall:g} s (train.stall_seconds): it "
            f"{blamed[0].activity}, at {blamed[0].where}. Repair what holds it up, or allow more time."
        )


def _mark(beat: Heartbeat) -> object:
    """What changes as long as a rank gets on; None where nothing tells, since it may be at work in long steps."""
    if beat.begun:
        return beat.begun
    # The start has a limit of its own.
    return None if beat.executing or beat.activity in (STARTS, JOINS) else (beat.activity, beat.where)


def _names(beats: Sequence[Heartbeat]) -> str:
    names = [f"rank {beat.rank} on {beat.host} (process {beat.pid})" for beat in sorted(beats, key=lambda b: b.rank)]
    text = ", ".join(names)
    return f"{text[:1].upper()}{text[1:]}"
