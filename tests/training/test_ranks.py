"""Two real Horovod ranks in a Spark barrier stage, against one rank in this process."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config.train import TrainConfig
from pipeline.errors import StoreError, TrainError
from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.ranks import run_ranks
from pipeline.store.filesystem import storage_path
from pipeline.training.job import RankJob
from pipeline.training.launch import launch_training
from tests.support.stores import NAME, STORE_ID, write_small_store

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2)]

UNEVEN = {"train": [400, 40, 130, 250], "validation": [60, 5, 0, 35]}
"""One shard has ten times the rows of another."""


def job(folder, *, workers: int, scratch: str, **train) -> RankJob:
    (folder / scratch).mkdir()
    settings = {"workers": workers, "batch_size": 64, "epochs": 2, "optimizer": {"name": "sgd"}} | train
    return RankJob(
        root=str(folder),
        name=NAME,
        store_id=STORE_ID,
        scratch=str(folder / scratch),
        model=MlpConfig(hidden=(8,)),
        train=TrainConfig(**settings),
        seed=3,
    )


def weights(folder, scratch: str) -> list[np.ndarray]:
    from pipeline.model.serving import load_network

    return load_network(folder / scratch / "bundle" / "model.keras").get_weights()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, _spark_of_the_session):
    """The same training with two ranks, with two again, and with one."""
    folder = tmp_path_factory.mktemp("ranks")
    write_small_store(folder, UNEVEN)
    launches = {"two": 2, "again": 2, "one": 1}
    results = {
        name: launch_training(_spark_of_the_session, job(folder, workers=workers, scratch=name), lambda _: None)
        for name, workers in launches.items()
    }
    return folder, results


def test_two_ranks_end_with_identical_weights_and_so_does_a_second_run(trained):
    _, results = trained  # launch_training itself refuses ranks that differ
    assert results["two"][0].weights == results["again"][0].weights


def test_two_ranks_learn_what_one_rank_learns(trained):
    folder, _ = trained
    for two, one in zip(weights(folder, "two"), weights(folder, "one"), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-5)


def test_metrics_are_exact_over_the_ranks(trained):
    _, results = trained
    for two, one in zip(results["two"][1], results["one"][1], strict=True):
        assert two.rows == one.rows == sum(UNEVEN["train"])
        for name, value in one.metrics.items():
            assert two.metrics[name] == pytest.approx(value, rel=1e-5), name


def test_two_ranks_measure_what_one_rank_measures(trained, spark, world_size):
    from pipeline.evaluation.assemble import assemble
    from pipeline.evaluation.baselines import fit_baselines
    from pipeline.evaluation.predict import predict_split
    from pipeline.evaluation.predict_job import LINEAR_FILE, PredictJob
    from pipeline.store import filesystem as files
    from pipeline.store.large_files import sha256_of
    from pipeline.store.layout import BUNDLE, MODEL, store_folder
    from pipeline.store.store import open_store

    folder, _ = trained
    root = storage_path(str(folder))
    store = open_store(store_folder(root, NAME, STORE_ID))
    simple = fit_baselines(store, linear=True, rows=100)
    model = root.child("one", BUNDLE, MODEL)
    task = PredictJob(
        root=root.uri,
        name=NAME,
        store_id=STORE_ID,
        model=model.uri,
        sha256=sha256_of(model),
        split="validation",
        scratch="",
        constant=simple.constant,
        linear=True,
        importance_rows=50,
    )
    reports = {}
    for workers in (1, world_size):
        scratch = root.child(f"scores-{workers}")
        files.write_bytes(scratch.child(LINEAR_FILE), simple.linear.to_bytes())
        job = task.model_copy(update={"scratch": scratch.uri})
        reports[workers] = assemble(store.features.label, job, predict_split(spark, workers, job, store))
    one, two = reports[1], reports[2]
    assert one.rows == 100
    assert {row.row_id for row in (*one.extremes.worst, *one.extremes.best)} <= set(range(100))
    assert two.metrics == pytest.approx(one.metrics, rel=1e-6)
    assert set(one.baselines) == {"mean", "linear"}
    assert two.baselines == one.baselines
    assert [(c.column, pytest.approx(c.drop, rel=1e-4)) for c in two.importance.columns] == [
        (c.column, c.drop) for c in one.importance.columns
    ]
    with pytest.raises(StoreError, match=r"model\.keras was altered. Allowed: SHA-256 00. Received: "):
        refused = task.model_copy(update={"scratch": root.child("scores-2").uri, "sha256": "00"})
        predict_split(spark, world_size, refused, store)


def test_what_one_rank_raises_is_raised_once_by_the_launch(tmp_path, spark, world_size):
    write_small_store(tmp_path, UNEVEN)
    path = tmp_path / "stores" / NAME / STORE_ID / "train" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    with pytest.raises(StoreError, match=r"train/shard-00001.parquet cannot be read") as caught:
        launch_training(spark, job(tmp_path, workers=world_size, scratch="s"), lambda _: None)
    assert str(caught.value).count("cannot be read") == 1


def test_a_killed_rank_ends_the_launch_with_one_message(tmp_path, spark, world_size):
    with pytest.raises(
        TrainError, match=r"Rank 1 on \S+ \(process \d+\) died without an error: it was killed, or ran out of memory"
    ):
        run_ranks(
            spark, world_size, "tests.support.ranks:die_on_rank_1", payload="", scratch=storage_path(str(tmp_path))
        )


def test_a_launch_works_after_a_failed_one(tmp_path, spark, world_size):
    answers = run_ranks(
        spark, world_size, "tests.support.ranks:tell", payload="hello", scratch=storage_path(str(tmp_path))
    )
    assert answers == ["hello from 0 of 2", "hello from 1 of 2"]
