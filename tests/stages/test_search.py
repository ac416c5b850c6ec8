"""Searches on real parts: trials side by side in Spark's workers, in MLflow, after a kill."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, TrainError
from pipeline.stages.search import search
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import store_folder
from pipeline.store.store import open_store

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(290)]

GRID = (
    "search.space={train.optimizer.name: {choice: [adam, sgd]}, "
    "train.optimizer.learning_rate: {choice: [0.01, 1.0e+30]}}",
    "search.sampler=grid",
    "search.pruner=none",
    "search.parallel_trials=2",
)


def settings_of(root, *overrides: str) -> list[str]:
    return [f"storage.root={root}", "train.epochs=3", "train.early_stopping=null", *overrides]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def config(repository, root):
    return load_config(repository / "conf" / "iris.yaml", overrides=settings_of(root, *GRID))


@pytest.fixture(scope="module")
def found(config, _spark_of_the_session):
    return search(config, spark=_spark_of_the_session)


def test_every_combination_is_tried_once_and_failures_are_counted_by_cause(found):
    assert (found.trials, found.finished, found.pruned, found.failed) == (4, 2, 0, 2)
    assert sum(found.failures.values()) == 2
    assert all("not finite" in cause for cause in found.failures)
    assert found.best.params["train.optimizer.learning_rate"] == 0.01


def test_the_best_trial_is_trained_again_and_evaluated(found):
    assert found.train.metrics["val_loss"] == pytest.approx(found.best.value, rel=1e-6)
    assert found.evaluate.rows > 0
    assert found.best.run_id == found.run_id


def test_the_best_settings_are_trained_on_validation_rows_too_when_asked(found, config, spark):
    changed = config.search.model_copy(update={"final": "train_and_validation"})
    final = search(config.model_copy(update={"search": changed}), spark=spark)
    assert (final.trials, final.best.number) == (found.trials, found.best.number), "no trial is done again"
    assert final.train.epochs == found.train.best_epoch
    assert final.train.store_id != found.train.store_id and final.evaluate.rows == found.evaluate.rows

    def splits(result) -> dict[str, int]:
        place = store_folder(storage_path(config.storage.root), config.name, result.train.store_id)
        return {name: split.rows for name, split in open_store(place).manifest.splits.items()}

    before, now = splits(found), splits(final)
    assert now["train"] == before["train"] + before["validation"] and now.get("validation", 0) == 0
    assert now["test"] == before["test"] and before["validation"] > 0
    assert not any(name.startswith("val_") for name in final.train.metrics)


def test_trials_are_runs_below_the_search(found, root):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    parent = client.get_run(found.run_id)
    assert parent.info.run_name == "search by grid: optimizer, learning_rate"
    assert {"trials.json", "trials.md"} <= {artifact.path for artifact in client.list_artifacts(found.run_id)}
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{found.run_id}'", order_by=["attributes.start_time"]
    )
    assert sorted(run.info.status for run in children) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    assert {run.data.tags["trial"] for run in children} == {"0", "1", "2", "3"}
    assert all(set(run.data.params) == {"train.optimizer.name", "train.optimizer.learning_rate"} for run in children)
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert min(run.data.metrics["best_val_loss"] for run in finished) == parent.data.metrics["best_val_loss"]
    assert [point.step for point in client.get_metric_history(finished[0].info.run_id, "validation/loss")] == [1, 2, 3]
    plots = {artifact.path.removeprefix("plots/search_") for artifact in client.list_artifacts(found.run_id, "plots")}
    assert {"history.png", "epochs.png", "settings.png", "parallel_coordinates.png", "importance.png"} <= plots
    assert "contour.png" not in plots, "only one of the two settings differs among the trials that ended"


def test_the_same_search_again_tries_nothing_anew(found, config, spark):
    again = search(config, spark=spark)
    assert (again.trials, again.best.number, again.best.value) == (4, found.best.number, found.best.value)
    assert again.train.weights == found.train.weights


def test_several_goals_have_a_front_and_a_plain_rule_for_the_best(repository, root, spark):
    from mlflow import MlflowClient

    overrides = settings_of(
        root,
        "search.space={model.hidden: {choice: [[2], [32], [32, 32]]}}",
        "search.further_goals=[parameters, val_accuracy]",
        "search.tolerance=1000",
        "search.sampler=grid",
        "search.pruner=none",
        "search.parallel_trials=2",
    )
    found = search(load_config(repository / "conf" / "iris.yaml", overrides=overrides), spark=spark)
    assert found.best.params == {"model.hidden": [2]}, "within such a tolerance, the smallest is the best"
    assert found.best.further["parameters"] == found.best.parameters == (4 * 2 + 2) + (2 * 3 + 3)
    assert {trial.number for trial in found.front} <= {0, 1, 2} and 0 in {trial.number for trial in found.front}
    assert [trial.value for trial in found.front] == sorted(trial.value for trial in found.front)
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    metrics = client.get_run(found.run_id).data.metrics
    assert metrics["best_parameters"] == 19 and metrics["best_val_loss"] == found.best.value
    assert "plots/search_pareto.png" in {file.path for file in client.list_artifacts(found.run_id, "plots")}
    trials = json.loads(Path(client.download_artifacts(found.run_id, "trials.json")).read_text())
    assert {trial["number"] for trial in trials if trial["on_front"]} == {trial.number for trial in found.front}
    assert [sorted(trial["values"]) for trial in trials] == [["1", "2", "3"]] * 3


def test_a_capacity_search_tells_its_steps(repository, root, spark, caplog):
    from mlflow import MlflowClient

    overrides = settings_of(
        root,
        "search.space={model.hidden: {list: [1, 2], of: {int: [2, 8]}}}",
        "search.sampler=capacity",
        "search.pruner=none",
        "search.parallel_trials=2",
    )
    with caplog.at_level(logging.INFO, logger="pipeline"):
        found = search(load_config(repository / "conf" / "iris.yaml", overrides=overrides), spark=spark)
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    steps = Path(client.download_artifacts(found.run_id, "capacity.md")).read_text()
    assert any(steps in record.getMessage() for record in caplog.records)
    lines = [line.split(" | ") for line in steps.splitlines()[2:]]
    assert len(lines) == found.trials >= 3
    assert lines[0][1:3] == ["start", "2"] and {line[2] for line in lines[1:3]} == {"4", "2-2"}
    assert all(line[1] in ("grow", "shrink") for line in lines[1:])


def test_all_failing_fails_the_job_with_the_causes(repository, root, spark):
    space = "search.space={train.optimizer.learning_rate: {choice: [1.0e+30, 2.0e+30]}}"
    overrides = settings_of(root, space, "search.sampler=grid", "track.enabled=false")
    with pytest.raises(TrainError, match=r"None of 2 trials finished.*(?s:.)*not finite"):
        search(load_config(repository / "conf" / "iris.yaml", overrides=overrides), spark=spark)


def test_a_trial_that_runs_out_of_its_time_is_ended(repository, root, spark):
    space = "search.space={train.epochs: {choice: [3, 100000]}}"
    limits = ("search.sampler=grid", "search.trial_timeout=30", "search.parallel_trials=2", "track.enabled=false")
    overrides = settings_of(root, space, *limits)
    found = search(load_config(repository / "conf" / "iris.yaml", overrides=overrides), spark=spark)
    assert (found.finished, found.failed) == (1, 1)
    assert "search.trial_timeout, 30 seconds" in next(iter(found.failures))


def test_what_cannot_be_searched_is_said_before_anything_starts(repository, root):
    def refused(*overrides: str) -> str:
        with pytest.raises(ConfigError) as error:
            search(load_config(repository / "conf" / "iris.yaml", overrides=settings_of(root, *overrides)))
        return str(error.value)

    assert "search.space is empty" in refused()
    assert "Did you mean 'learning_rate'" in refused("search.space={train.optimizer.learning_rat: {choice: [1]}}")
    final = ("search.final=train_and_validation", "train.reduce_on_plateau={}", "evaluate.calibration=temperature")
    said = refused("search.space={model.l2: {choice: [0.1]}}", *final)
    assert "leaves no validation rows" in said and "Set it to none" in said and "Take a schedule" in said


def test_a_search_that_was_killed_is_gone_on_with(repository, tmp_path):
    overrides = settings_of(
        tmp_path,
        "search.space={train.optimizer.learning_rate: {loguniform: [1.0e-3, 1.0e-1]}}",
        "search.trials=6",
        "search.parallel_trials=2",
        "track.enabled=false",
        "spark.conf={spark.driver.memory: 1g}",
    )
    command = [sys.executable, "jobs/search.py", "--config", "conf/iris.yaml"]
    command += [part for override in overrides for part in ("--set", override)]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = []
    for line in process.stderr:
        told += [line] if "trial " in line else []
        if len(told) == 2:
            process.kill()
            break
    process.communicate()
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["trials"], found["finished"] + found["pruned"] + found["failed"]) == (6, 6)
    again = [line for line in done.stderr.splitlines() if "trial " in line and ": val_loss" in line]
    assert len(again) <= 4, "the two that had ended are not done again"
