"""Launches of real ranks: again after a loss, in the same workers or in new ones, side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.runtime.ranks import LaunchOptions, run_ranks
from pipeline.store.filesystem import storage_path
from pipeline.training.job import RankJob
from pipeline.training.launch import launch_training
from tests.support.jobs import rank_job
from tests.support.stores import NAME, STORE_ID, write_small_store

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.timeout(280)]

SHARDS = {"train": [700, 500, 600, 600], "validation": [60, 5, 0, 35]}


def job(folder: Path, name: str, **train: object) -> RankJob:
    settings = {
        "workers": 2,
        "batch_size": 16,
        "epochs": 2,
        "steps_per_execution": 2,
        "checkpoint": {"every_steps": 10},
    }
    return rank_job(folder, name, MlpConfig(hidden=(8,)), settings | train, seed=3)


def launches(told: RankJob) -> int:
    return len(list(Path(told.scratch, "launches").iterdir()))


def killer(times: int):
    """Kills rank 1 of so many launches, each in the middle of its training."""
    killed: set[int] = set()

    def kill(beats: dict[int, Heartbeat]) -> None:
        if len(killed) < times and 1 in beats and beats[1].begun > 40 and beats[1].pid not in killed:
            os.kill(beats[1].pid, signal.SIGKILL)
            killed.add(beats[1].pid)

    return kill, killed


@pytest.mark.slow
def test_a_training_whose_rank_is_killed_is_launched_again_and_ends_the_same(tmp_path, spark, caplog):
    write_small_store(tmp_path, SHARDS)
    undisturbed, history = launch_training(spark, job(tmp_path, "undisturbed"), lambda _: None)
    kill, killed = killer(1)
    told, epochs = job(tmp_path, "killed", max_restarts=2, callbacks=["tests.support.callbacks:Pausing"]), []
    result, again = launch_training(spark, told, epochs.append, kill)
    assert len(killed) == 1
    assert launches(told) == 2
    assert result.weights == undisturbed.weights
    assert [record.metrics for record in again] == [record.metrics for record in history]
    assert [record.epoch for record in epochs] == [1, 2]
    assert "died without an error" in caplog.text
    assert "Relaunching the ranks (1 of 2)" in caplog.text


def test_without_restarts_the_loss_of_a_rank_is_the_end(tmp_path, spark):
    write_small_store(tmp_path, SHARDS)
    kill, _ = killer(9)
    told = job(tmp_path, "killed", epochs=50)
    with pytest.raises(RankLost, match=r"^Rank 1 on .* The same command resumes the run from its last checkpoint\.$"):
        launch_training(spark, told, lambda _: None, kill)
    assert launches(told) == 1


def test_an_error_of_the_data_is_not_tried_again(tmp_path, spark):
    write_small_store(tmp_path, SHARDS)
    path = tmp_path / "stores" / NAME / STORE_ID / "train" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    told = job(tmp_path, "broken", max_restarts=5)
    with pytest.raises(StoreError, match=r"shard-00001\.parquet"):
        launch_training(spark, told, lambda _: None)
    assert launches(told) == 1


def test_workers_are_used_again_unless_they_hold_too_much_memory(tmp_path, spark, world_size):
    scratch = storage_path(str(tmp_path))

    def pids(target: str, payload: str = "", **options: int) -> set[str]:
        return set(
            run_ranks(
                spark,
                world_size,
                f"tests.support.faults:{target}",
                payload=payload,
                scratch=scratch,
                options=LaunchOptions(**options),
            )
        )

    first = pids("tell")
    assert pids("tell") == first
    assert pids("hold", "300", worker_memory=300 << 20) == first
    others = pids("tell")
    assert not others & first
    assert pids("tell") == others


SIDE_BY_SIDE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pipeline.config.run import SparkConfig
from pipeline.runtime.ranks import run_ranks
from pipeline.runtime.spark import close_session, open_session
from pipeline.store.filesystem import storage_path
spark = open_session(SparkConfig(master="local[4]", conf={"spark.driver.memory": "1g"}), app="two", workers=4)
def launch(number):
    scratch = storage_path(f"{sys.argv[1]}/{number}")
    return run_ranks(spark, 2, "tests.support.faults:meet", payload=f"{sys.argv[1]} {number}", scratch=scratch)
with ThreadPoolExecutor(2) as pool:
    found = list(pool.map(launch, range(2)))
close_session()
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_launches_from_two_threads_run_at_once_and_mix_nothing(tmp_path, repository):
    """No rank ends before those of both launches have met."""
    command = [sys.executable, "-c", SIDE_BY_SIDE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [["0: rank 0", "0: rank 1"], ["1: rank 0", "1: rank 1"]]
