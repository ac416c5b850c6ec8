"""One job from the source to a bundle that stands alone: calibrated, exported, measured and registered."""

from __future__ import annotations

import pytest
import yaml

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.stages.run import run
from pipeline.stages.train import train
from pipeline.store.bundle import open_bundle
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import model_folder
from pipeline.training.spec import TrainingSpec

pytestmark = pytest.mark.spark

SETTINGS = (
    "train.epochs=3",
    "evaluate.calibration=temperature",
    "export.formats=saved_model",
    "track.register=flowers",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("bundle")


def iris(repository, root, *overrides):
    overrides = (f"storage.root={root}", "spark.master=local[2]", *overrides)
    return load_config(repository / "conf" / "iris.yaml", overrides=overrides)


@pytest.fixture(scope="module")
def done(root, repository, _spark_of_the_session):
    return run(iris(repository, root, *SETTINGS), spark=_spark_of_the_session)


def test_the_bundle_has_all_that_the_job_made(done, root):
    bundle = open_bundle(model_folder(storage_path(str(root)), "iris", done.train.model_id))
    assert bundle.decision.calibration.kind == "temperature"
    assert bundle.decision.rows == done.prepare.rows["validation"]
    assert bundle.test.metrics == done.evaluate.metrics
    assert bundle.profile.rows["train"] == done.prepare.rows["train"]
    assert yaml.safe_load(bundle.config)["evaluate"]["calibration"] == "temperature"
    assert "saved_model/saved_model.pb" in bundle.card.files
    assert bundle.features.label.classes == done.evaluate.classes


def test_the_first_version_is_the_champion_and_answers(done, root):
    import mlflow
    import pandas as pd

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    version = client.get_model_version_by_alias("flowers", "champion")
    assert (version.run_id, version.tags["test.store_id"]) == (done.run_id, done.prepare.store_id)
    assert float(version.tags["test.value"]) == done.evaluate.metrics["log_loss"]
    model = mlflow.pyfunc.load_model(version.source)
    rows = pd.DataFrame({column.name: [1.0] for column in model.metadata.get_input_schema()})
    assert set(model.predict(rows)["label"]) <= {"setosa", "versicolor", "virginica"}


def test_another_calibration_is_another_model_and_a_wrong_one_is_named_before_any_work(done, root, repository, spark):
    config = iris(repository, root, *SETTINGS, "evaluate.calibration=none", "track.enabled=false")
    assert TrainingSpec.of(config, done.prepare.store_id).model_id != done.train.model_id
    with pytest.raises(ConfigError, match=r"evaluate\.calibration does not fit the multiclass label 'species'"):
        train(iris(repository, root, "evaluate.calibration=platt", "track.enabled=false"), spark=spark)
