"""Two real ranks that are killed at any moment: the same command ends with the weights of an undisturbed training."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.schemas.document import fingerprint
from pipeline.store import filesystem as files
from pipeline.training.checkpoints.resume import latest_checkpoint
from pipeline.training.checkpoints.writer import list_generations
from pipeline.training.job import RankJob
from pipeline.training.launch import launch_training
from pipeline.training.records import STOP, request_stop
from tests.support.killed import SHARDS, history, job, live
from tests.support.listed import listed
from tests.support.stores import NAME, STORE_ID, write_small_store
from tests.support.worlds import run_world

pytestmark = [pytest.mark.world_size(2), pytest.mark.timeout(280)]

NOTICED_SECONDS = 5.0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A storage root, the weights of a training that nobody disturbs, and its history."""
    folder = tmp_path_factory.mktemp("resume")
    write_small_store(folder, SHARDS)
    told = job(folder, "undisturbed", checkpoint=None)
    weights = live(told, 0)["result"]["weights"]
    assert len(history(told)) == 3
    return folder, weights, history(told)


@pytest.mark.slow
@pytest.mark.parametrize("series", range(2))
def test_a_rank_killed_at_random_moments_changes_nothing(undisturbed, series):
    """Five moments in each series; tests/full/test_kills.py has two hundred."""
    folder, weights, expected = undisturbed
    told = job(folder, f"killed-{series}")
    found = live(told, 5, seed=series)
    assert found["result"]["weights"] == weights
    assert history(told) == expected
    assert found["result"]["resumed"] is not None
    assert max(found["survivors"]) < NOTICED_SECONDS


@pytest.mark.spark
@pytest.mark.slow
def test_a_kill_on_spark_is_noticed_and_the_ranks_go_on(undisturbed, spark):
    """Once by a restart of the launch's own, once by the same command."""
    folder, weights, expected = undisturbed
    told, killed = job(folder, "spark", max_restarts=1, callbacks=["tests.support.callbacks:Pausing"]), []
    place = told.open_checkpoints()

    def kill(beats: Mapping[int, Heartbeat]) -> None:
        if len(killed) < 2 and len(beats) == 2 and len(list_generations(place)) == 2:
            pid = beats[len(killed)].pid
            if pid not in [other for other, _ in killed]:
                os.kill(pid, signal.SIGKILL)
                killed.append((pid, time.monotonic()))

    with pytest.raises(RankLost, match="died without an error"):
        launch_training(spark, told, lambda _: None, kill)
    assert time.monotonic() - killed[-1][1] < NOTICED_SECONDS
    seen: list[int] = []
    result, records = launch_training(spark, told, lambda record: seen.append(record.epoch))
    assert result.weights == weights
    assert [(dict(record.metrics), record.best) for record in records] == expected
    assert seen == [1, 2, 3]


def attempt(told: RankJob, folder: Path, size: int, exchange: str = "auto") -> list[dict]:
    """Train in a world of some size, without Spark; by rank."""
    (folder / "job.json").write_text(told.to_json())
    return run_world("tests.support.going:attempt", size, folder, exchange)


def spoil(folder: Path, shard: int, row: int) -> None:
    """Make one value of a training row NaN, in a store that is otherwise whole."""
    place = folder / "stores" / NAME / STORE_ID
    path = place / "train" / f"shard-{shard:05d}.parquet"
    table = pq.read_table(path)
    values = table["x0"].to_numpy().copy()
    values[row] = np.nan
    groups = pq.read_metadata(path).row_group(0).num_rows
    pq.write_table(table.set_column(0, "x0", pa.array(values)), path, row_group_size=groups)
    manifest = json.loads((place / "manifest.json").read_text())
    for entry in manifest["splits"]["train"]["files"]:
        if entry["shard"] == shard:
            entry.update(listed(place, entry["path"], shard).model_dump(mode="json"))
    del manifest["sha256"]
    (place / "manifest.json").write_text(json.dumps({**manifest, "sha256": fingerprint(manifest)}))


@pytest.mark.slow
def test_nan_on_one_rank_ends_all_at_the_same_step_and_the_last_good_checkpoint_stays(tmp_path):
    write_small_store(tmp_path, SHARDS)
    spoil(tmp_path, shard=1, row=400)  # a row of rank 1
    told = job(tmp_path, "nan", checkpoint={"every_steps": 1}, steps_per_execution=1)
    first, second = (str(found["error"]) for found in attempt(told, tmp_path, 2))
    assert first == second
    assert re.match(
        r"TrainError: The loss or its gradient is not finite after step \d+ of epoch 1\. Lower .* is kept in ", first
    )
    kept = latest_checkpoint(told.open_checkpoints())[1]
    assert all(np.isfinite(array).all() for name, array in kept.shared.items() if name.startswith("network/"))


@pytest.mark.slow
def test_another_number_of_workers_goes_on_where_it_is_allowed_with_sums_that_are_whole(tmp_path):
    write_small_store(tmp_path, SHARDS)
    plain = {"epochs": 1, "early_stopping": None, "optimizer": {"name": "sgd", "learning_rate": 0.01}}
    two = job(tmp_path, "world", checkpoint={"every_steps": 50}, **plain)
    two = two.model_copy(update={"model": MlpConfig(hidden=(8,))})
    attempt(two, tmp_path, 2)
    whole = history(two)[0][0]
    one = two.model_copy(update={"train": two.train.model_copy(update={"workers": 1})})
    (refused,) = attempt(one, tmp_path, 1)
    assert "train.workers is 1, was 2" in str(refused["error"])
    allowed = CheckpointConfig(allow_changes=True)
    one = one.model_copy(update={"train": one.train.model_copy(update={"checkpoint": allowed})})
    (found,) = attempt(one, tmp_path, 1)
    assert str(found["resumed"]) == "step 100 of 125 of epoch 1"
    for name, value in history(one)[0][0].items():
        assert value == pytest.approx(whole[name], rel=1e-4), name


@pytest.mark.slow
@pytest.mark.world_size(3)
@pytest.mark.parametrize(("before", "after"), [("shared_memory", "horovod"), ("horovod", "auto")])
def test_three_ranks_go_on_in_the_order_of_adding_of_their_checkpoint(tmp_path, before, after):
    """As on several hosts after one, and as on one host with a checkpoint of several."""
    write_small_store(tmp_path, SHARDS)
    plain = {"workers": 3, "epochs": 1, "early_stopping": None, "steps_per_execution": 4}
    undisturbed = job(tmp_path, "undisturbed", **plain)
    (whole, *_) = attempt(undisturbed, tmp_path, 3, before)
    told = job(tmp_path, "interrupted", **plain)
    request_stop(told.open_scratch())
    attempt(told, tmp_path, 3, before)
    files.remove_file(told.open_scratch().child(STOP))
    (found, *_) = attempt(told, tmp_path, 3, after)
    assert str(found["resumed"]) != "None"
    assert str(found["exchange"]) == "horovod"
    assert str(found["weights"]) == str(whole["weights"])
    other = job(tmp_path, "other", **plain)
    (otherwise, *_) = attempt(other, tmp_path, 3, "horovod" if before == "shared_memory" else "shared_memory")
    assert str(otherwise["weights"]) != str(whole["weights"])
