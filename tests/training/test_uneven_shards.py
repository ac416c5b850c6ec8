"""Two real ranks that train on shards of very different sizes: no hang, no row lost, the same as one rank."""

from __future__ import annotations

import pytest

from pipeline.config.train import TrainConfig
from pipeline.networks.mlp import MlpConfig
from pipeline.training.job import RankJob
from pipeline.training.launch import launch_training
from tests.support.stores import NAME, STORE_ID, write_small_store

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.timeout(200)]

UNEVEN = {"train": [2000, 200, 0, 150, 7], "validation": [90, 9, 1]}
"""Rank 0 serves ten times the rows of rank 1."""


@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
def test_shards_that_differ_by_ten_times_are_served_to_the_last_row(tmp_path, spark, cache):
    write_small_store(tmp_path, UNEVEN, row_group=50)
    results = {}
    for workers in (2, 1):
        scratch = tmp_path / f"scratch-{workers}"
        scratch.mkdir()
        job = RankJob(
            root=str(tmp_path),
            name=NAME,
            store_id=STORE_ID,
            scratch=str(scratch),
            model=MlpConfig(hidden=(8,)),
            train=TrainConfig(workers=workers, batch_size=100, epochs=2, optimizer={"name": "sgd"}, cache=cache),
            seed=3,
        )
        results[workers] = launch_training(spark, job, lambda _: None)
    for two, one in zip(results[2][1], results[1][1], strict=True):
        assert two.rows == one.rows == sum(UNEVEN["train"])
        for name, value in one.metrics.items():  # a mean over all rows: one row more or less would show
            assert two.metrics[name] == pytest.approx(value, rel=1e-5), name
