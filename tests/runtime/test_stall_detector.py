"""Which rank holds up the others, from beats alone."""

from __future__ import annotations

import time

import pytest

from pipeline.errors import PlatformError
from pipeline.runtime.activity import FINISHED, JOINS, STARTS, report_activity
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats, sending_heartbeats
from pipeline.runtime.stall_detector import Limits, StallDetector
from pipeline.store.filesystem import storage_path

LIMITS = Limits(start=30.0, stall=10.0)


def beat(rank: int, second: int, **changes) -> Heartbeat:
    """Of a healthy rank that counts one activity a second."""
    told = {
        "rank": rank,
        "partition": rank,
        "host": f"host-{rank}",
        "pid": 100 + rank,
        "number": second,
        "activity": "trains",
        "begun": second,
        "where": "rank.py:118 in _epoch",
        "executing": True,
        "memory": 1,
        "cpu_seconds": 0.0,
        "seconds": float(second),
    }
    return Heartbeat(**told | changes)


def watched(at, seconds: int, limits: Limits = LIMITS, workers: int = 2):
    """The first trouble of ranks that beat once a second as `at(second)` says, and when it is told."""
    now = [0.0]
    detector = StallDetector(workers, limits, lambda: now[0])
    for second in range(1, seconds + 1):
        now[0] = float(second)
        if (trouble := detector.failure({one.rank: one for one in at(second)})) is not None:
            return second, trouble
    return None


def test_ranks_that_get_on_are_left_alone():
    assert watched(lambda s: [beat(0, s), beat(1, s)], 100) is None


def test_slow_progress_is_progress():
    assert watched(lambda s: [beat(0, s, begun=1 + s // 9), beat(1, s, begun=1 + s // 9)], 100) is None


def test_a_rank_without_a_sign_of_life_is_named():
    second, trouble = watched(lambda s: [beat(0, s, begun=min(s, 6)), beat(1, min(s, 5))], 100)
    assert (type(trouble), second) == (RankLost, 16)
    assert str(trouble).startswith("Rank 1 on host-1 (process 101) sent no heartbeat for 10 s (train.stall_seconds)")


def test_a_rank_that_has_finished_is_silent_for_a_reason():
    ended = {"activity": FINISHED, "begun": 5}
    assert watched(lambda s: [beat(0, min(s, 4), **ended), beat(1, s)], 100) is None
    second, trouble = watched(lambda s: [beat(0, min(s, 4), **ended), beat(1, s, begun=min(s, 20))], 100)
    assert (type(trouble), second) == (RankLost, 31)
    assert str(trouble).startswith("Rank 1 on host-1 (process 101) made no progress for 10 s")


def test_a_rank_stuck_in_python_is_named_and_not_the_one_that_waits_for_it():
    stuck = {"executing": False, "where": "callbacks.py:7 in on_step", "begun": 5}
    second, trouble = watched(lambda s: [beat(0, s, begun=min(s, 5)), beat(1, s, **stuck)], 100)
    assert (type(trouble), second) == (RankLost, 12)
    assert "Rank 1 on host-1 (process 101) made no progress for 10 s" in str(trouble)
    assert "Last activity: trains, at callbacks.py:7 in on_step" in str(trouble)


def test_a_rank_that_is_behind_is_named():
    starved = {"activity": "waits for rows", "executing": False}
    _, trouble = watched(lambda s: [beat(0, s, begun=min(s, 6), **starved), beat(1, s, begun=min(s, 5), **starved)], 99)
    assert str(trouble).startswith("Rank 1 on")
    assert "Last activity: waits for rows" in str(trouble)


@pytest.mark.parametrize("later", [1, 4])
def test_a_rank_that_stood_still_later_than_the_one_that_waits_for_it_is_named(later):
    starved = {"activity": "waits for rows", "executing": False}
    _, trouble = watched(lambda s: [beat(0, s, begun=min(s, 5)), beat(1, s, begun=min(s, 5 + later), **starved)], 99)
    assert str(trouble).startswith("Rank 1 on")


def test_a_rank_that_fell_silent_later_than_the_one_that_waits_for_it_is_named():
    _, trouble = watched(lambda s: [beat(0, s, begun=min(s, 3)), beat(1, min(s, 5), begun=2)], 99)
    assert str(trouble).startswith("Rank 1 on host-1 (process 101) sent no heartbeat")


def test_where_nothing_counts_a_standing_place_in_python_tells():
    def at(second):
        return [beat(0, second, begun=0), beat(1, second, begun=0, executing=False, where="feed.py:9 in read")]

    _, trouble = watched(at, 100)
    assert "Rank 1 on host-1 (process 101) made no progress" in str(trouble)


def test_where_nothing_counts_long_steps_are_no_stall():
    assert watched(lambda s: [beat(0, s, begun=0), beat(1, s, begun=0)], 500) is None


def test_an_import_is_no_stall_but_has_the_limit_of_the_start():
    starting = {"activity": STARTS, "begun": 0, "executing": False}
    second, trouble = watched(lambda s: [beat(0, s, activity=JOINS, begun=0), beat(1, s, **starting)], 100)
    assert (type(trouble), second) == (RankLost, 32)
    assert str(trouble).startswith("Rank 1 of 2 was not ready within 30 s (train.start_seconds)")


def test_a_rank_that_never_begins_is_named():
    second, trouble = watched(lambda s: [beat(0, s)], 100)
    assert second == 32
    assert str(trouble).startswith("Rank 1 of 2 was not ready")


def test_ranks_that_cannot_reach_each_other_are_an_environment_problem_within_a_minute():
    joining = {"activity": JOINS, "begun": 0, "executing": False}
    second, trouble = watched(lambda s: [beat(0, s, **joining), beat(1, s, **joining)], 100)
    assert type(trouble) is PlatformError
    assert second < 60
    assert "They run on host-0, host-1. Open the network between these hosts" in str(trouble)


def test_waiting_for_task_slots_is_no_start():
    assert watched(lambda s: [] if s < 300 else [beat(0, s), beat(1, s)], 310) is None


def test_beats_tell_what_the_thread_does_and_where(tmp_path):
    launch = storage_path(str(tmp_path))

    def work() -> Heartbeat:
        report_activity("waits for rows")
        number = read_heartbeats(launch)[3].number
        end = time.monotonic() + 10
        while read_heartbeats(launch)[3].number < number + 2 and time.monotonic() < end:
            time.sleep(0.05)
        return read_heartbeats(launch)[3]

    with sending_heartbeats(launch, 3, 1, "here"):
        told = work()
    assert (told.rank, told.partition, told.host, told.activity, told.begun) == (3, 1, "here", "waits for rows", 1)
    assert told.where.startswith("test_stall_detector.py:")
    assert told.memory > 1 << 20
    assert told.cpu_seconds > 0
    assert not told.executing
    report_activity("nothing to do with the rank")
    assert read_heartbeats(launch)[3].activity == FINISHED


@pytest.mark.parametrize("content", ["", "{}", '{"rank": 1'])
def test_a_beat_that_cannot_be_read_is_passed_over(tmp_path, content):
    (tmp_path / "beats").mkdir()
    (tmp_path / "beats" / "000001.json").write_text(content)
    assert read_heartbeats(storage_path(str(tmp_path))) == {}
