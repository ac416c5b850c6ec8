"""Two real ranks, of which one meets a fault: the launch ends within a bound, with one cause, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.errors import ConfigError, TrainError
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats
from pipeline.runtime.ranks import LaunchOptions, run_ranks
from pipeline.runtime.stall_detector import Limits
from pipeline.store.filesystem import storage_path

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.timeout(150)]

STALL = 10.0
FOUND_AFTER = 5.0
"""Seconds from a fault that needs no limit to run out, to the end of the launch."""


def launch(
    spark, folder: Path, fault: str, *, target: str = "train", **limits: float
) -> tuple[list[str], list[Heartbeat]]:
    """Run it; also the last beats that were seen."""
    seen: dict[int, Heartbeat] = {}
    options = LaunchOptions(Limits(**({"stall": STALL} | limits)), on_heartbeats=seen.update)
    try:
        scratch = storage_path(str(folder))
        return run_ranks(spark, 2, f"tests.support.faults:{target}", payload=fault, scratch=scratch, options=options), [
            *seen.values()
        ]
    finally:
        for beat in seen.values():
            assert_unstopped(beat.pid)


def assert_unstopped(pid: int) -> None:
    """A worker that was stopped, or hangs, is ended with the launch; others may wait for their next task."""
    end = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < end:
        process = psutil.Process(pid)
        if process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE) and process.num_threads() < 100:
            return
        time.sleep(0.1)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture(autouse=True, scope="module")
def _warm(_spark_of_the_session, tmp_path_factory):
    """Imports do not count."""
    answers, _ = launch(_spark_of_the_session, tmp_path_factory.mktemp("warm"), "none", stall=60.0)
    assert [answer.split()[0] for answer in answers] == ["42", "42"]


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("raise_ours", ConfigError, r"^train\.loss does not fit\.$"),
        ("raise_foreign", TrainError, r"^Rank 1 failed: KeyError: 'no such layer'"),
        ("memory", TrainError, r"^Rank 1 ran out of memory: \w*MemoryError: .*\. Give the workers more memory"),
        ("die", RankLost, r"^Rank 1 on \S+ \(process \d+\) died without an error: it was killed, or ran out of memory"),
    ],
)
def test_what_ends_one_rank_ends_all_with_one_cause(spark, tmp_path, fault, kind, message):
    started = time.monotonic()
    with pytest.raises(kind, match=message) as caught:
        launch(spark, tmp_path, fault)
    assert type(caught.value) is kind
    assert time.monotonic() - started < 60
    assert str(caught.value).count("Rank 1") <= 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("stop", rf"sent no heartbeat for {STALL:g} s"),
        ("stuck", rf"made no progress for {STALL:g} s .*\. Last activity: trains, at faults\.py:\d+ in get_stuck"),
        (
            "starve",
            rf"made no progress for {STALL:g} s .*\. Last activity: waits for rows, at faults\.py:\d+ in starve",
        ),
    ],
)
def test_a_rank_that_stands_still_is_named_and_the_other_is_not(spark, tmp_path, fault, message):
    with pytest.raises(RankLost, match=message) as caught:
        launch(spark, tmp_path, fault)
    assert str(caught.value).startswith("Rank 1 on ")
    assert "rank 0" not in str(caught.value).lower()


def test_a_rank_that_does_not_come_is_named(spark, tmp_path):
    with pytest.raises(RankLost, match=r"^Rank 1 of 2 was not ready within 5 s \(train\.start_seconds\)"):
        launch(spark, tmp_path, "", target="never_come", start=5.0)


def test_a_kill_from_outside_is_noticed_within_five_seconds(spark, tmp_path):
    killed: list[float] = []

    def kill(beats: dict[int, Heartbeat]) -> None:
        if not killed and all(beat.begun > 5 for beat in beats.values()) and len(beats) == 2:
            os.kill(beats[1].pid, signal.SIGKILL)
            killed.append(time.monotonic())

    options = LaunchOptions(Limits(stall=60.0), on_heartbeats=kill)
    with pytest.raises(RankLost, match=r"^Rank 1 on .* died without an error"):
        run_ranks(
            spark, 2, "tests.support.faults:train", payload="", scratch=storage_path(str(tmp_path)), options=options
        )
    assert time.monotonic() - killed[0] < FOUND_AFTER


DRIVER = """
import sys
from pipeline.config.run import SparkConfig
from pipeline.runtime.ranks import run_ranks
from pipeline.runtime.spark import open_session
from pipeline.store.filesystem import storage_path
spark = open_session(SparkConfig(master="local[2]", conf={"spark.driver.memory": "1g"}), app="driver", workers=2)
run_ranks(spark, 2, "tests.support.faults:train", payload="", scratch=storage_path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_driver_leaves_no_process_behind(tmp_path, repository):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], cwd=repository, start_new_session=True)
    try:
        beats = wait_for_beats(tmp_path, driver)
        family = [*psutil.Process(driver.pid).children(recursive=True), *(psutil.Process(b.pid) for b in beats)]
        assert len(family) > 3  # Java, the workers' parent, two workers
    finally:
        driver.kill()
        driver.wait(10)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def wait_for_beats(folder: Path, driver: subprocess.Popen[bytes]) -> list[Heartbeat]:
    end = time.monotonic() + 100
    while time.monotonic() < end and driver.poll() is None:
        for place in folder.glob("launches/*"):
            beats = read_heartbeats(storage_path(str(place)))
            if len(beats) == 2 and all(beat.begun for beat in beats.values()):
                return [*beats.values()]
        time.sleep(0.2)
    raise AssertionError("the ranks did not come up")
