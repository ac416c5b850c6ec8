"""Samples of what ranks use, from their beats."""

from __future__ import annotations

from pipeline.runtime.heartbeats import Heartbeat
from pipeline.training.resource_usage import SAMPLE_SECONDS, ResourceUsage


def beat(rank: int, second: float, *, cpu: float = 0.0, memory: int = 0, pid: int = 7) -> Heartbeat:
    return Heartbeat(
        rank=rank,
        partition=rank,
        host="here",
        pid=pid,
        number=1,
        activity="trains",
        begun=1,
        where="",
        executing=False,
        memory=memory,
        cpu_seconds=cpu,
        seconds=second,
    )


def sampled(at, seconds: int):
    """What is told of ranks that beat once a second as `at(second)` says."""
    now, told = [0.0], []
    usage = ResourceUsage(lambda metrics, step: told.append((step, dict(metrics))), lambda: now[0])
    for second in range(seconds + 1):
        now[0] = float(second)
        usage({one.rank: one for one in at(second)})
    return told


def test_every_rank_s_memory_and_processor_time_are_told_every_few_seconds():
    def at(second):
        return [
            beat(0, second, cpu=0.5 * second, memory=10**9),
            beat(1, second, cpu=2.0 * second, memory=second * 10**6),
        ]

    told = sampled(at, int(2 * SAMPLE_SECONDS))
    assert [step for step, _ in told] == [1, 2]
    assert told[1][1] == {
        "system/rank_0/memory_megabytes": 1000.0,
        "system/rank_0/cpu_percent": 50.0,
        "system/rank_1/memory_megabytes": 2 * SAMPLE_SECONDS,
        "system/rank_1/cpu_percent": 200.0,
    }


def test_a_rank_that_was_launched_again_starts_at_zero():
    def at(second):
        again = second > 5
        return [beat(0, second - 6 if again else second + 90, cpu=0.0 if again else 80.0, pid=8 if again else 7)]

    (_, found), *_ = sampled(at, int(SAMPLE_SECONDS))
    assert found["system/rank_0/cpu_percent"] == 0.0
