"""Searches that judge trials over folds, and folds that search within their own rows, on real parts."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.evaluation.folds import CrossvalReport
from pipeline.stages.crossval import REPORT, cross_validate
from pipeline.stages.search import search
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import crossval_folder

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(290)]

RATE = "train.optimizer.learning_rate"
RATES = f"search.space={{{RATE}: {{choice: [0.001, 0.05]}}}}"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("folds")


def config_of(repository, root, *overrides: str):
    usual = ("train.epochs=3", "train.early_stopping=null", "crossval.folds=3", RATES, "search.sampler=grid")
    return load_config(repository / "conf" / "iris.yaml", overrides=[f"storage.root={root}", *usual, *overrides])


@pytest.fixture(scope="module")
def over_folds(repository, root, _spark_of_the_session):
    return search(config_of(repository, root, "search.crossval=true"), spark=_spark_of_the_session)


@pytest.fixture
def client(root):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")


def test_a_trial_reaches_the_mean_of_its_folds(over_folds, client):
    assert (over_folds.trials, over_folds.finished) == (2, 2)
    assert over_folds.best.params == {RATE: 0.05}
    run = client.get_run(over_folds.run_id)
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{over_folds.run_id}'")
    assert len(children) == 2
    for child in children:
        folds = client.get_metric_history(child.info.run_id, "fold/val_loss")
        assert [one.step for one in folds] == [1, 2, 3]
        mean = sum(one.value for one in folds) / 3
        assert child.data.metrics["best_val_loss"] == pytest.approx(mean, rel=1e-12)
    best = min(child.data.metrics["best_val_loss"] for child in children)
    assert over_folds.best.value == best


def test_the_best_settings_are_trained_on_the_usual_rows_and_tested_once(over_folds):
    assert over_folds.evaluate.rows > 0
    assert over_folds.train.metrics["val_loss"] != over_folds.best.value


@pytest.fixture(scope="module")
def nested(repository, root, _spark_of_the_session):
    config = config_of(repository, root, "search.crossval=true", "crossval.nested=true", "name=iris_nested")
    return cross_validate(config, spark=_spark_of_the_session), config


def test_each_fold_is_trained_with_what_was_found_within_it(nested, root):
    result, config = nested
    place = crossval_folder(storage_path(str(root)), config.name, result.id).child(REPORT)
    report = CrossvalReport.from_json(files.read_bytes(place), REPORT)
    assert [score.settings for score in report.scores] == [{RATE: 0.05}] * 3
    assert len(result.folds) == 3 and result.mean["accuracy"] > 0.5


def test_the_trials_of_a_fold_are_a_table_of_its_run_and_no_runs(nested, client):
    result, _ = nested
    run = client.get_run(result.run_id)
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{result.run_id}'")
    assert sorted(child.data.params["fold"] for child in children) == ["0", "1", "2"]
    assert all(child.data.params[RATE] == "0.05" for child in children)
    for child in children:
        assert {"trials.json", "trials.md"} <= {file.path for file in client.list_artifacts(child.info.run_id)}
    everything = client.search_runs([run.info.experiment_id])
    assert len(everything) == 4
