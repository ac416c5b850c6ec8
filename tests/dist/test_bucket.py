"""A store on an object store, which speaks S3 on loopback, is what two ranks train on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyarrow import fs

from pipeline.config.model import ModelConfig
from pipeline.errors import StoreError
from pipeline.feed.reader import read_shard
from pipeline.store.filesystem import open_root, read_bytes, write_bytes
from pipeline.store.layout import store_place
from pipeline.store.store import Store, open_store
from tests.support.jobs import rank_job
from tests.support.stores import NAME, STORE_ID, write_small_store
from tests.support.worlds import run_world

pytestmark = [pytest.mark.dist, pytest.mark.slow]

ROWS = {"train": [500, 60, 200, 140], "validation": [50, 30]}


def upload(folder: Path, bucket: str) -> Store:
    """The store of `write_small_store`, in the bucket too."""
    root = open_root(bucket)
    fs.copy_files(str(folder / "stores"), f"{root.path}/stores", destination_filesystem=root.filesystem)
    return open_store(store_place(root, NAME, STORE_ID))


def test_two_ranks_learn_from_a_bucket_what_they_learn_from_a_folder(tmp_path, bucket):
    write_small_store(tmp_path, ROWS)
    upload(tmp_path, bucket)
    for name, root in (("folder", str(tmp_path)), ("bucket", bucket)):
        settings = {"workers": 2, "epochs": 2, "batch_size": 64}
        job = rank_job(tmp_path, name, ModelConfig(hidden=(6,)), settings, seed=1)
        job = job.model_copy(update={"root": root, "checkpoints": None})
        (tmp_path / f"{name}-job.json").write_text(job.to_json())
    first, second = run_world("tests.support.going:attempt_each", 2, tmp_path)
    assert first["folder-job"] == first["bucket-job"] == second["bucket-job"]


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
