"""A store on an object store, which speaks S3 on loopback, is what two ranks train on."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from pyarrow import fs

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.errors import StoreError
from pipeline.feed.reader import read_shard
from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.store import filesystem as files
from pipeline.store.filesystem import read_bytes, storage_path, write_bytes
from pipeline.store.layout import store_folder
from pipeline.store.store import Store, open_store
from pipeline.training.checkpoints.resume import latest_checkpoint, open_checkpoints
from pipeline.training.checkpoints.writer import ENDING, list_generations
from pipeline.training.launch import launch_training
from tests.support.jobs import rank_job
from tests.support.killed import SHARDS, job
from tests.support.stores import NAME, STORE_ID, write_small_store
from tests.support.worlds import run_world

pytestmark = [pytest.mark.world_size(2), pytest.mark.slow]

ROWS = {"train": [500, 60, 200, 140], "validation": [50, 30]}


def upload(folder: Path, bucket: str) -> Store:
    """The store of `write_small_store`, in the bucket too."""
    root = storage_path(bucket)
    fs.copy_files(str(folder / "stores"), f"{root.path}/stores", destination_filesystem=root.filesystem)
    return open_store(store_folder(root, NAME, STORE_ID))


def test_two_ranks_learn_from_a_bucket_what_they_learn_from_a_folder(tmp_path, bucket, world_size):
    write_small_store(tmp_path, ROWS)
    upload(tmp_path, bucket)
    for name, root in (("folder", str(tmp_path)), ("bucket", bucket)):
        settings = {"workers": world_size, "epochs": 2, "batch_size": 64}
        job = rank_job(tmp_path, name, MlpConfig(hidden=(6,)), settings, seed=1)
        job = job.model_copy(update={"root": root, "checkpoints": None})
        (tmp_path / f"{name}-job.json").write_text(job.to_json())
    first, second = run_world("tests.support.going:attempt_each", world_size, tmp_path)
    assert first["folder-job"] == first["bucket-job"] == second["bucket-job"]


@pytest.mark.spark
def test_a_killed_training_goes_on_from_its_checkpoint_in_a_bucket(spark_with_bucket, bucket, s3_server, tmp_path):
    spark = spark_with_bucket
    write_small_store(tmp_path, SHARDS)
    upload(tmp_path, bucket)
    undisturbed, _ = launch_training(spark, job(tmp_path, "here", checkpoint=None), lambda _: None)
    told = job(tmp_path, "there").model_copy(
        update={"root": bucket, "scratch": f"{bucket}/scratch/there", "checkpoints": f"{bucket}/checkpoints/small/m"}
    )
    place, killed = told.open_checkpoints(), []

    def kill(beats: Mapping[int, Heartbeat]) -> None:
        if not killed and len(beats) == 2 and len(list_generations(place)) == 2:
            killed.append(beats[1].pid)
            os.kill(beats[1].pid, signal.SIGKILL)

    with pytest.raises(RankLost, match=r"Rank 1 on .* died without an error"):
        launch_training(spark, told, lambda _: None, kill)
    assert [name for name in files.list_files(place) if name.endswith(ENDING)] == files.list_files(place)
    head = latest_checkpoint(place)[1].head
    result, records = launch_training(spark, told, lambda _: None)
    assert result.weights == undisturbed.weights
    assert result.resumed == head.position() and len(records) == 3
    assert s3_server.copies == []

    # The checkpoint of a training with other settings is taken over, where that is asked for.
    taken = CheckpointConfig(allow_changes=True)
    own, found = open_checkpoints(storage_path(bucket), NAME, "other", config=taken, identity=told.identity())
    assert found is not None and list_generations(own) and list_generations(place) == []
    assert s3_server.copies == []


def test_every_row_comes_from_a_bucket_and_an_altered_byte_is_named(tmp_path, bucket):
    write_small_store(tmp_path, ROWS)
    store = upload(tmp_path, bucket)
    shutil.rmtree(tmp_path / "stores")
    file = store.split("train").files[2]
    place = store.file(file.path)
    whole = read_bytes(place)
    write_bytes(place, whole[:200] + bytes([whole[200] ^ 4]) + whole[201:])
    with pytest.raises(StoreError, match=rf"{file.path} cannot be read: row group 0 was altered"):
        list(read_shard(store, "train", file.shard))
    write_bytes(place, whole)
    assert sum(len(rows) for shard in range(4) for rows in read_shard(store, "train", shard)) == sum(ROWS["train"])
