"""What earlier versions left at rest is opened, scored and gone on with; see README.md beside this file."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config import RunConfig, load_config
from pipeline.feed.blocks import open_feed
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.schemas.source_contract import KeptContract
from pipeline.store.bundle import open_bundle
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import SPLITS, model_folder, store_folder
from pipeline.store.store import Store, open_store
from pipeline.store.table import read_contract
from pipeline.training.spec import TrainingSpec
from tests.golden.make import WRITTEN

GOLDEN = Path(__file__).resolve().parent
VERSIONS = sorted(file.parent.name for file in GOLDEN.glob("*/expected.json"))

MODELS = ("customers", "prices", "unfinished")
"""Experiments that train one model each."""


class Golden:
    """A copy of what a version left, which tests may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = storage_path(str(folder / "root"))
        self.expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())

    def config(self, overlay: str = "customers", *overrides: str) -> RunConfig:
        """The configuration that an artifact was made from; the source's place is no part of any name."""
        env = GOLDEN / f"{overlay}.yaml"
        places = (f"storage.root={self.folder / 'root'}", f"data.source.path={self.source}")
        return load_config(GOLDEN / "golden.yaml", env=env if env.exists() else None, overrides=[*places, *overrides])

    @property
    def source(self) -> Path:
        return self.folder / "customers.csv"

    def predictions(self, name: str) -> pd.DataFrame:
        """What the version's model said of every row."""
        return pd.read_csv(self.folder / f"{name}-predictions.csv").sort_values("id", ignore_index=True)

    def store(self, name: str) -> Store:
        return open_store(store_folder(self.root, name, self.expected[name]["store_id"]))


@pytest.fixture(scope="module", params=VERSIONS)
def golden(request, tmp_path_factory) -> Iterator[Golden]:
    folder = tmp_path_factory.mktemp("golden") / request.param
    shutil.copytree(GOLDEN / request.param, folder)
    os.utime(folder / "customers.csv", (WRITTEN, WRITTEN))  # a checkout does not keep it
    return Golden(folder)


@pytest.mark.parametrize("name", MODELS)
def test_stores_and_models_keep_their_names(golden, name):
    config, expected = golden.config(name), golden.expected[name]
    contract = read_contract(golden.root.child("contracts", f"{name}.yaml"))
    assert isinstance(contract, KeptContract)
    assert StoreSpec.of(config, contract).fingerprint == golden.store(name).manifest.config
    assert TrainingSpec.of(config, expected["store_id"]).model_id == expected["model_id"]


@pytest.mark.parametrize("name", MODELS)
def test_stores_are_read_to_the_last_row(golden, name):
    store = golden.store(name)
    for split in SPLITS:
        feed = open_feed(store, split, batch_size=32, world_size=1, rank=0, steps_per_block=4, seed=0)
        blocks = list(feed.epoch(0))
        assert sum(block.rows.sum() for block in blocks) == store.split(split).rows
        assert all(np.isfinite(block.tensors["numeric"]).all() for block in blocks)


def test_registered_names_of_keras_layers_do_not_change(golden):
    """A model file tells its layers by these names; one that is renamed cannot be loaded again."""
    import keras

    import pipeline.model.serving  # noqa: F401 (registers all layers)

    names: set[str] = set()
    for name in ("customers", "prices"):
        model = open_bundle(model_folder(golden.root, name, golden.expected[name]["model_id"]))
        with zipfile.ZipFile(model.file.path) as archive:
            names |= registered_names(json.loads(archive.read("config.json")))
    assert len(names) == 14  # all that version 0.1 had
    assert not [name for name in names if keras.saving.get_registered_object(name) is None]


def registered_names(content: Any) -> set[str]:
    """All names of our own within a Keras configuration."""
    if isinstance(content, list):
        return set().union(*map(registered_names, content))
    if not isinstance(content, dict):
        return set()
    own = content.get("registered_name") or ""
    return set().union({own} if own.startswith("pipeline>") else (), *map(registered_names, content.values()))


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(290)
class TestJobs:
    """The same commands, on what they left; in the order of the file."""

    def test_what_is_prepared_is_found(self, golden, spark):
        from pipeline.stages.prepare import prepare

        for name in MODELS:
            found = prepare(golden.config(name), spark=spark)
            assert (found.reused, found.store_id) == (True, golden.expected[name]["store_id"])

    @pytest.mark.parametrize("name", ["customers", "prices"])
    def test_models_score_as_they_did(self, golden, spark, name):
        assert_same(self.scored(golden, spark, name), golden.predictions(name), 1e-6)

    def test_the_model_is_evaluated_as_it_was(self, golden, spark):
        from pipeline.stages.evaluate import evaluate

        found = evaluate(golden.config(), spark=spark).metrics
        assert found == pytest.approx(golden.expected["customers"]["metrics"], abs=1e-6)

    def test_the_outbox_is_sent_once(self, golden):
        from mlflow import MlflowClient

        from pipeline.tracking.address import Address
        from pipeline.tracking.mlflow_tracker import send_unsent

        address = Address(f"sqlite:///{golden.folder}/mlflow.db", artifacts=(golden.folder / "artifacts").as_uri())
        (run,) = (golden.folder / "root" / "spool").glob("*/run.json")
        told = json.loads(run.read_text()) | {"uri": address.uri, "artifacts": address.artifacts}
        run.write_text(json.dumps(told))
        send_unsent(address, golden.root)
        client = MlflowClient(address.uri)
        (experiment,) = (each for each in client.search_experiments() if each.name == "customers")
        (sent,) = client.search_runs([experiment.experiment_id])
        assert sent.info.status == "FINISHED"
        history = client.get_metric_history(sent.info.run_id, "validation/loss")
        assert [point.step for point in history] == list(range(1, golden.expected["customers"]["epochs"] + 1))
        assert {file.path for file in client.list_artifacts(sent.info.run_id)} >= {"config.yaml", "data"}
        assert not run.exists()

    @pytest.mark.world_size(2)
    def test_the_killed_training_ends_as_if_nothing_had_happened(self, golden, spark):
        from pipeline.stages.train import train

        (checkpoints,) = (golden.folder / "root" / "checkpoints" / "unfinished").iterdir()
        assert list(checkpoints.glob("*.checkpoint"))
        # Quicker, by settings that have no influence on the weights.
        faster = (
            "train.steps_per_execution=auto",
            "train.checkpoint.every_steps=null",
            "train.checkpoint.every_seconds=60",
        )
        trained = train(golden.config("unfinished", *faster), spark=spark)
        assert trained.model_id == golden.expected["unfinished"]["model_id"]
        assert trained.epochs == golden.expected["unfinished"]["epochs"]
        assert not checkpoints.exists()
        assert_same(self.scored(golden, spark, "unfinished"), golden.predictions("unfinished"), 1e-4)

    def test_the_killed_search_does_the_trials_that_are_missing(self, golden, spark):
        from pipeline.stages.search import search

        (database,) = golden.folder.glob("root/searches/customers/*.db")
        before = ended_trials(database)
        assert 0 < len(before) < 4
        finished = search(golden.config("search"), spark=spark)
        assert (finished.trials, finished.finished) == (4, 4)
        after = ended_trials(database)
        assert sorted(after) == [0, 1, 2, 3]
        assert before.items() <= after.items()
        assert finished.best.value == max(after.values())

    def test_the_killed_cross_validation_does_the_folds_that_are_missing(self, golden, spark):
        from pipeline.stages.crossval import cross_validate

        scores = golden.folder.glob("root/crossvals/*/*/*/score.json")
        kept = {score.parent.name: score.read_bytes() for score in scores}
        finished = cross_validate(golden.config("crossval"), spark=spark)
        assert finished.id == golden.expected["crossval"]["id"]
        assert finished.mean == pytest.approx(golden.expected["crossval"]["mean"], abs=1e-4)
        assert kept
        for fold, score in kept.items():
            (place,) = golden.folder.glob(f"root/crossvals/*/*/{fold}/score.json")
            assert place.read_bytes() == score

    def scored(self, golden: Golden, spark: Any, name: str) -> pd.DataFrame:
        from pipeline.stages.score import score

        done = score(golden.config(name, f"score.path={golden.source}"), spark=spark)
        (part,) = Path(done.output.removeprefix("file://")).glob("*.csv")
        return pd.read_csv(part).sort_values("id", ignore_index=True)


def ended_trials(database: Path) -> dict[int, float]:
    """The value of each trial of a search that ran to its end, by its number."""
    trials = "SELECT number, value FROM trials JOIN trial_values USING (trial_id) WHERE state = 'COMPLETE'"
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute(trials).fetchall())


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, tolerance: float) -> None:
    """Equal but for the last digits of numbers, and for which model said it."""
    columns = [name for name in expected.columns if name != "model_version"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=tolerance, atol=tolerance, check_dtype=False)
