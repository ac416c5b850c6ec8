"""The whole job on real parts: Spark, a store, two Horovod ranks, Keras, scikit-learn's metrics, MLflow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline.config import RunConfig, load_config
from pipeline.errors import ConfigError, DataError, PlatformError, StoreError, TrainError
from pipeline.stages.evaluate import evaluate
from pipeline.stages.run import run
from pipeline.stages.train import train

pytestmark = [pytest.mark.spark]


def iris(repository, root, *overrides: str) -> RunConfig:
    settings = (f"storage.root={root}", "train.epochs=4", "train.early_stopping=null", *overrides)
    return load_config(repository / "conf" / "iris.yaml", overrides=settings)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One storage root for this module: its store is prepared once."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def done(root, repository, _spark_of_the_session):
    """The main job on two ranks."""
    return run(iris(repository, root, "train.workers=2"), spark=_spark_of_the_session)


@pytest.mark.world_size(2)
def test_the_main_job_prepares_trains_and_evaluates(done):
    assert done.prepare.rows["train"] + done.prepare.rows["validation"] + done.prepare.rows["test"] == 150
    assert (done.train.epochs, len(done.train.history), done.train.workers) == (4, 4, 2)
    assert done.train.rows_per_second > 0
    assert 0 <= done.train.input_bound_percent <= 100
    assert done.evaluate.rows == done.prepare.rows["test"]
    assert set(done.evaluate.baselines) == {"majority", "linear"}
    assert set(done.evaluate.metrics) == set(done.evaluate.baselines["linear"]) >= {"accuracy", "log_loss", "auc"}
    assert sum(map(sum, done.evaluate.confusion)) == done.evaluate.rows
    assert json.loads(done.model_dump_json())["run_id"] == done.run_id


@pytest.mark.world_size(2)
def test_the_run_is_recorded_with_epochs_plots_parameters_and_the_model(done, root):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    recorded = client.get_run(done.run_id)
    assert recorded.info.status == "FINISHED"
    assert recorded.data.params["train.workers"] == "2"
    assert recorded.data.metrics["test/accuracy"] == pytest.approx(done.evaluate.metrics["accuracy"])
    history = client.get_metric_history(done.run_id, "validation/loss")
    assert [point.step for point in history] == [1, 2, 3, 4]
    assert [point.value for point in history] == [r.metrics["val_loss"] for r in done.train.history]
    plots = {artifact.path for artifact in client.list_artifacts(done.run_id, "plots")}
    assert plots >= {"plots/learning_curves.png", "plots/confusion_matrix.png", "plots/roc_and_pr.png"}
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(done.run_id)}
    assert recorded.data.tags["diagnosis"]
    assert recorded.data.tags["verdict"] in {"good", "fair", "bad"}
    models = client.search_logged_models([recorded.info.experiment_id])
    assert [model.source_run_id for model in models] == [done.run_id]


@pytest.mark.world_size(2)
def test_the_recorded_model_takes_raw_columns(done, root):
    """In a process of its own, as a service would load it."""
    code = f"""
import mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{root}/mlflow.db")
models = mlflow.MlflowClient().search_logged_models(["1"])
model = mlflow.pyfunc.load_model(models[0].model_uri)
rows = pd.DataFrame({{c.name: [1.0, None] for c in model.metadata.get_input_schema()}})
found = model.predict(rows)
assert set(found["label"]) <= {{"setosa", "versicolor", "virginica"}}, found
print(found.filter(like="probability").sum(axis=1).round(5).tolist())
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert answer.stdout.strip().endswith("[1.0, 1.0]"), answer.stderr[-2000:]


@pytest.mark.world_size(2)
def test_training_again_gives_identical_weights_and_evaluating_again_the_same_metrics(done, root, repository, spark):
    config = iris(repository, root, "train.workers=2")
    again = train(config, spark=spark)
    assert again.weights == done.train.weights
    evaluated = evaluate(config, spark=spark)
    assert evaluated.metrics == done.evaluate.metrics
    assert evaluated.run_id == again.run_id


@pytest.mark.world_size(2)
def test_one_rank_learns_what_two_learn(done, root, repository, spark):
    alone = run(iris(repository, root), spark=spark)
    assert alone.prepare.reused
    for name, value in done.evaluate.metrics.items():
        assert alone.evaluate.metrics[name] == pytest.approx(value, abs=1e-4)


@pytest.mark.world_size(2)
def test_a_training_that_fails_leaves_the_earlier_model(root, repository, spark, done):
    config = iris(repository, root, "train.workers=2", "track.enabled=false")
    broken = config.model_copy(update={"train": config.train.model_copy(update={"loss": "mse"})})
    with pytest.raises(ConfigError, match=r"train.loss does not fit the multiclass label 'species'"):
        train(broken, spark=spark)
    diverging = ["train.optimizer={name: sgd, learning_rate: 1.0e+30}", "track.enabled=false"]
    with pytest.raises(TrainError, match=r"The loss or its gradient is not finite after step \d+ of epoch 1"):
        train(iris(repository, root, *diverging), spark=spark)
    assert evaluate(config, spark=spark).metrics == done.evaluate.metrics
    assert list((root / "scratch").iterdir()) == []


def test_a_failed_run_is_recorded_as_failed(root, repository, spark):
    from mlflow import MlflowClient

    config = iris(repository, root, "train.optimizer={name: sgd, learning_rate: 1.0e+30}", "track.experiment=failing")
    with pytest.raises(TrainError):
        run(config, spark=spark)
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("failing").experiment_id])
    assert [recorded.info.status for recorded in found] == ["FAILED"]


@pytest.mark.world_size(2)
def test_a_model_that_is_missing_or_altered_is_named(root, repository, spark, done):
    with pytest.raises(StoreError, match=r"There is no model for this configuration .* Run jobs/train.py"):
        evaluate(iris(repository, root, "train.epochs=5", "track.enabled=false"), spark=spark)
    trained = train(iris(repository, root, "train.epochs=1", "track.enabled=false"), spark=spark)
    with open(trained.model.removeprefix("file://"), "ab") as file:
        file.write(b"x")
    with pytest.raises(StoreError, match=r"bundle-[0-9a-f]{12}/model\.keras was altered. Allowed: SHA-256"):
        evaluate(iris(repository, root, "train.epochs=1", "track.enabled=false"), spark=spark)


def test_no_test_rows_and_too_few_slots_are_named_before_any_work(root, repository, spark):
    no_test = "split.fractions={train: 0.8, validation: 0.2, test: 0.0}"
    with pytest.raises(DataError, match=r"has no test rows. Set split.fractions.test above 0"):
        run(iris(repository, root, no_test, "track.enabled=false", "train.epochs=1"), spark=spark)
    with pytest.raises(PlatformError, match=r"train.workers is 3, but the Spark master 'local\[2\]' has 2 task slots"):
        run(iris(repository, root, "train.workers=3"), spark=spark)
