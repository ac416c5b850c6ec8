"""Cross-validations on real parts: folds side by side in Spark's workers, their table of predictions, in MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import RunConfig, load_config
from pipeline.config.load import parse_config
from pipeline.errors import ConfigError, DataError, PlatformError, TrainError
from pipeline.evaluation.folds import CrossvalReport
from pipeline.runtime.ranks import run_ranks
from pipeline.stages.crossval import cross_validate
from pipeline.stages.out_of_fold import PredictionsTable
from pipeline.stages.results.crossval import CrossvalResult
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import checkpoints_folder
from pipeline.training.checkpoints.format import Checkpoint, CheckpointHead
from pipeline.training.checkpoints.resume import latest_checkpoint
from pipeline.training.checkpoints.writer import write_checkpoint

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(290)]

ROWS = 400
KEYS = [f"house {number}" for number in range(ROWS)]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """One storage root for this module."""
    return tmp_path_factory.mktemp("crossval")


@pytest.fixture(scope="module")
def table(root) -> Path:
    """Houses with a price, a town, a day of sale, and whether they were sold to someone abroad."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"id": KEYS, "area": random.normal(100, 20, ROWS), "age": random.uniform(0, 90, ROWS)})
    rows["town"] = random.choice(["Ames", "Bonn", "Cork"], ROWS)
    rows["day"] = random.permutation(ROWS)
    rows["price"] = 10 * rows.area - 3 * rows.age + random.normal(0, 20, ROWS)
    rows["abroad"] = np.where(rows.area + random.normal(0, 20, ROWS) > 115, "yes", "no")
    rows.to_csv(root / "houses.csv", index=False)
    return root / "houses.csv"


def houses(table: Path, root: Path, crossval: dict, **sections) -> RunConfig:
    """A small network on the table; `sections` replace those of the same name."""
    content = {
        "name": "houses",
        "storage": {"root": str(root)},
        "data": {"source": {"path": str(table)}, "label": "price", "key": "id"},
        "features": {"numeric": [{"columns": ["area", "age"]}]},
        "model": {"hidden": [4]},
        "train": {
            "epochs": 2,
            "batch_size": 32,
            "early_stopping": None,
            "optimizer": {"name": "adam", "learning_rate": 0.05},
        },
        "track": {"enabled": False},
        "crossval": crossval,
    }
    return parse_config(content | sections)


def iris(repository: Path, root: Path, *overrides: str) -> RunConfig:
    settings = (f"storage.root={root}", "train.epochs=3", "train.early_stopping=null", "crossval.folds=3", *overrides)
    return load_config(repository / "conf" / "iris.yaml", overrides=settings)


def predictions(found: CrossvalResult) -> pd.DataFrame:
    return pd.read_parquet(found.predictions.removeprefix("file://"))


def place_of(found: CrossvalResult) -> Path:
    """The folder of what the folds reached."""
    return Path(found.predictions.removeprefix("file://")).parent


@pytest.fixture(scope="module")
def flowers(repository, root, _spark_of_the_session) -> CrossvalResult:
    """Three classes, three folds, two at a time."""
    return cross_validate(iris(repository, root, "crossval.parallel_folds=2"), spark=_spark_of_the_session)


@pytest.fixture(scope="module")
def prices(table, root, _spark_of_the_session) -> CrossvalResult:
    """A regression in two folds."""
    track = {"experiment": "prices"}
    return cross_validate(houses(table, root, {"folds": 2}, track=track), spark=_spark_of_the_session)


def test_every_row_of_no_test_split_is_predicted_once_by_a_model_that_did_not_see_it(prices, table):
    rows = predictions(prices)
    assert list(rows.columns) == ["id", "__row_id", "__fold", "__actual", "prediction"]
    assert rows.id.is_unique and set(rows.id) < set(KEYS)
    assert len(rows) == prices.rows == sum(score.test_rows for score in report_of(prices).scores)
    source = pd.read_csv(table).set_index("id")
    np.testing.assert_allclose(rows.__actual, source.price[rows.id])
    mistakes = (rows.prediction - rows.__actual).abs()
    assert mistakes.mean() == pytest.approx(prices.pooled["mae"], rel=1e-9)
    assert mistakes.groupby(rows.__fold).mean().tolist() == pytest.approx([fold["mae"] for fold in prices.folds])


def report_of(found: CrossvalResult) -> CrossvalReport:
    file = place_of(found) / "report.json"
    return CrossvalReport.from_json(file.read_bytes(), str(file))


def test_means_deviations_and_intervals_are_those_of_the_folds(prices):
    values = [fold["mae"] for fold in prices.folds]
    assert prices.mean["mae"] == pytest.approx(np.mean(values))
    assert prices.std["mae"] == pytest.approx(np.std(values, ddof=1))
    low, high = prices.intervals["mae"]
    assert low < min(values) < max(values) < high, "two folds tell little"
    for score in report_of(prices).scores:
        assert score.train_rows + score.validation_rows + score.test_rows == prices.rows
        assert score.validation_rows / (score.train_rows + score.validation_rows) == pytest.approx(1 / 9, abs=0.06)
        assert {len(values) for values in score.history.values()} == {score.epochs} == {2}


def test_classes_have_a_column_each_and_the_most_probable_one_is_the_answer(flowers):
    rows = predictions(flowers)
    classes = ["setosa", "versicolor", "virginica"]
    shares = rows[[f"probability_{name}" for name in classes]]
    assert list(rows.columns) == ["__row_id", "__fold", "__actual", "label", *shares.columns]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert rows.label.tolist() == [classes[place] for place in shares.to_numpy().argmax(axis=1)]
    assert (rows.label == rows.__actual).mean() == pytest.approx(flowers.pooled["accuracy"])
    assert set(rows.__actual) == set(classes)


def test_folds_are_runs_below_the_cross_validation(flowers, root):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    parent = client.get_run(flowers.run_id)
    assert parent.data.params["crossval.method"] == "hash"
    assert parent.data.metrics["test/accuracy"] == flowers.mean["accuracy"]
    assert parent.data.metrics["test_std/accuracy"] == flowers.std["accuracy"]
    assert parent.data.metrics["test_pooled/accuracy"] == flowers.pooled["accuracy"]
    assert "| 95 % interval |" in parent.data.tags["mlflow.note.content"]
    assert {"crossval.json", "crossval.md", "config.yaml"} <= {
        file.path for file in client.list_artifacts(flowers.run_id)
    }
    assert "data/audit.json" in {file.path for file in client.list_artifacts(flowers.run_id, "data")}
    plots = {file.path for file in client.list_artifacts(flowers.run_id, "plots")}
    assert plots == {"plots/crossval_metrics.png", "plots/crossval_curves.png"}
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{flowers.run_id}'", order_by=["tags.fold"]
    )
    assert [run.info.run_name for run in children] == ["fold 0", "fold 1", "fold 2"]
    assert {run.info.status for run in children} == {"FINISHED"}
    for number, run in enumerate(children):
        assert set(run.data.params) == {"fold", "rows.train", "rows.validation", "rows.test"}
        assert run.data.params["fold"] == str(number)
        assert run.data.metrics["test/accuracy"] == flowers.folds[number]["accuracy"]
        assert [point.step for point in client.get_metric_history(run.info.run_id, "validation/loss")] == [1, 2, 3]


def test_the_same_again_trains_nothing_and_records_the_folds_again(flowers, repository, root, spark, capfd):
    from mlflow import MlflowClient

    again = cross_validate(iris(repository, root), spark=spark)
    assert (again.id, again.folds, again.pooled) == (flowers.id, flowers.folds, flowers.pooled)
    told = capfd.readouterr().err
    assert "Reusing 3 of 3 folds, which an earlier job finished" in told
    assert "epoch" not in told
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    experiment = client.get_run(again.run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{again.run_id}'")
    assert len(children) == 3
    assert {len(client.get_metric_history(run.info.run_id, "validation/loss")) for run in children} == {3}


def test_one_fold_at_a_time_gives_the_same_bits(flowers, repository, tmp_path, spark):
    """Though a training run of the experiment, with other settings, was interrupted: it is left for `train`."""
    interrupted = checkpoints_folder(storage_path(str(tmp_path)), "iris").child("other")
    head = CheckpointHead(identity='{"seed": 2}', ranks=1, steps=9, epoch=2, step=5)
    write_checkpoint(interrupted, 1, Checkpoint(head, {}, {}))
    settings = ("track.enabled=false", "train.checkpoint.every_steps=1")
    alone = cross_validate(iris(repository, tmp_path, *settings), spark=spark)
    assert latest_checkpoint(interrupted) is not None
    assert not list((tmp_path / "fold-checkpoints").rglob("*.checkpoint"))
    assert (alone.id, alone.folds, alone.pooled) == (flowers.id, flowers.folds, flowers.pooled)
    pd.testing.assert_frame_equal(
        predictions(alone).sort_values("__row_id", ignore_index=True),
        predictions(flowers).sort_values("__row_id", ignore_index=True),
    )


def test_a_fold_is_one_launch_and_the_table_is_begun_while_others_train(table, root, spark, monkeypatch):
    launches, early, begin = [], [], PredictionsTable.write_early

    def launch(*args, **kwargs):
        launches.append(args[2])
        return run_ranks(*args, **kwargs)

    def write_early(self, results):
        early.append({result.number for result in results})
        begin(self, results)

    monkeypatch.setattr("pipeline.training.launch.run_ranks", launch)
    monkeypatch.setattr("pipeline.evaluation.predict.run_ranks", launch)
    monkeypatch.setattr(PredictionsTable, "write_early", write_early)
    found = cross_validate(houses(table, root, {"folds": 3, "parallel_folds": 2}, name="once"), spark=spark)
    assert launches == ["pipeline.training.entry:run"] * 3
    assert [len(folds) for folds in early] == [2]
    rows, source = predictions(found), pd.read_csv(table).set_index("id")
    assert rows.id.is_unique and len(rows) == found.rows
    np.testing.assert_allclose(rows.__actual, source.price[rows.id])
    mistakes = (rows.prediction - rows.__actual).abs().groupby(rows.__fold).mean()
    assert mistakes.tolist() == pytest.approx([fold["mae"] for fold in found.folds])
    assert (Path(found.predictions.removeprefix("file://")) / "_SUCCESS").exists()
    assert not list(root.glob("scratch/*"))


@pytest.mark.world_size(2)
def test_two_ranks_a_fold_learn_what_one_learns(flowers, repository, tmp_path, spark):
    pair = cross_validate(iris(repository, tmp_path, "track.enabled=false", "train.workers=2"), spark=spark)
    for one, other in zip(pair.folds, flowers.folds, strict=True):
        for name, value in other.items():
            assert one[name] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("crossval", "sections", "shape"),
    [
        ({"folds": 2, "repeats": 2}, {}, (4, 2.0)),
        ({"folds": 2, "method": "group"}, {"group": "town"}, (2, 1.0)),
        ({"method": "leave_one_group_out"}, {"group": "town"}, (3, 1.0)),
        ({"folds": 2, "method": "stratified", "by": ["town"]}, {}, (2, 1.0)),
        ({"folds": 2, "method": "time"}, {"time": "day"}, (2, 2 / 3)),
        ({"folds": 2, "method": "bootstrap"}, {}, (2, 2 * np.exp(-1))),
    ],
    ids=["repeated", "group", "leave_one_group_out", "stratified", "time", "bootstrap"],
)
def test_every_way_of_dividing_runs_through(table, root, spark, crossval, sections, shape):
    data = {"source": {"path": str(table)}, "label": "price", "key": "id", **sections}
    found = cross_validate(houses(table, root, {**crossval, "parallel_folds": 2}, data=data), spark=spark)
    count, times = shape
    rows = predictions(found)
    assert len(found.folds) == count == rows.__fold.nunique()
    assert len(rows) == pytest.approx(times * found.rows, rel=0.12)
    assert not rows.duplicated(["__fold", "id"]).any()
    assert bool(found.pooled) == (times <= 1.0 and crossval["method"] != "bootstrap")
    for score in report_of(found).scores:  # a row that was drawn several times is one row
        divided = score.train_rows + score.validation_rows + score.test_rows
        assert divided < found.rows if "time" in sections and not score.fold else divided == found.rows
    source = pd.read_csv(table).set_index("id")
    if "group" in sections:
        assert rows.__fold.groupby(source.town[rows.id].to_numpy()).nunique().max() == 1
    if "time" in sections:
        days = source.day[rows.id].groupby(rows.__fold.to_numpy())
        assert days.max()[0] < days.min()[1]


def test_each_fold_decides_on_validation_rows_of_its_own(table, root, spark):
    config = houses(
        table,
        root,
        {"folds": 2, "parallel_folds": 2},
        data={"source": {"path": str(table)}, "label": "abroad", "key": "id"},
        evaluate={"calibration": "platt", "threshold": "f1"},
    )
    found = cross_validate(config, spark=spark)
    decisions = [json.loads(path.read_text()) for path in sorted(place_of(found).glob("fold-*/decision.json"))]
    assert [decision["rows"] for decision in decisions] == [score.validation_rows for score in report_of(found).scores]
    assert len({decision["threshold"] for decision in decisions}) == 2
    rows = predictions(found)
    thresholds = rows.__fold.map(lambda fold: decisions[fold]["threshold"])
    assert ((rows.label == "yes") == (rows.probability_yes >= thresholds)).all()
    np.testing.assert_allclose(rows.probability_no + rows.probability_yes, 1.0)
    assert (rows.label == rows.__actual).mean() == pytest.approx(found.pooled["accuracy"])


def test_a_fold_that_fails_is_named_and_the_next_job_does_what_is_missing(table, root, tmp_path, spark, capfd):
    from mlflow import MlflowClient

    fragile = {"target": "tests.support.callbacks:Fragile", "options": {"folder": str(tmp_path)}}
    train = {"epochs": 1, "batch_size": 64, "early_stopping": None, "callbacks": [fragile]}
    config = houses(table, root, {"folds": 3}, name="fragile", train=train, track={})
    (tmp_path / "fails").write_text("1")
    with pytest.raises(TrainError, match=r"^Fold 1 failed: Rank 0 failed: .* the disk of the callback is full"):
        cross_validate(config, spark=spark)
    assert len(list(root.glob("crossvals/fragile/*/fold-*/score.json"))) == 1
    assert not list(root.glob("scratch/*"))
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("fragile").experiment_id])
    statuses = {run.info.run_name: run.info.status for run in runs}
    assert (statuses.pop("fold 0"), statuses.pop("fold 1"), set(statuses.values())) == (
        "FINISHED",
        "FAILED",
        {"FAILED"},
    )
    capfd.readouterr()
    (tmp_path / "fails").write_text("")
    found = cross_validate(config, spark=spark)
    assert len(found.folds) == 3
    assert "Reusing 1 of 3 folds, which an earlier job finished" in capfd.readouterr().err
    assert len(list(tmp_path.glob("began-*"))) == 4, "fold 1 twice, the others once"


def test_without_validation_rows_all_epochs_are_trained(table, root, spark):
    split = {"fractions": {"train": 1.0, "validation": 0.0, "test": 0.0}}
    found = cross_validate(houses(table, root, {"folds": 2}, split=split), spark=spark)
    assert found.rows == ROWS
    assert {(score.validation_rows, score.epochs) for score in report_of(found).scores} == {(0, 2)}


def test_two_cross_validations_are_compared_fold_by_fold(prices, table, root, spark):
    from mlflow import MlflowClient

    given = {"features": {"numeric": [{"columns": ["age"]}]}, "track": {"experiment": "prices"}}
    config = houses(table, root, {"folds": 2, "compare_to": prices.id}, **given)
    found = cross_validate(config, spark=spark)
    assert f"{prices.id} is better than this one in 2 of 2 folds" in found.comparison
    client = MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")
    assert "plots/crossval_comparison.png" in {file.path for file in client.list_artifacts(found.run_id, "plots")}
    assert "comparison.json" in {file.path for file in client.list_artifacts(found.run_id)}
    assert found.comparison in client.get_run(found.run_id).data.tags["mlflow.note.content"]


@pytest.mark.parametrize(
    ("crossval", "sections", "message"),
    [
        ({"folds": 3, "compare_to": "ID"}, {}, r"The folds of this one and \w{16} are not the same rows"),
        (
            {"folds": 2, "compare_to": "0" * 16},
            {},
            r"there is no finished cross-validation '0{16}'",
        ),
        ({"folds": 2}, {"evaluate": {"threshold": "f1"}}, r"evaluate.threshold"),
    ],
    ids=["other folds", "unknown", "threshold"],
)
def test_what_cannot_work_is_said_before_a_fold_is_trained(
    prices, table, root, spark, capfd, crossval, sections, message
):
    crossval = {key: prices.id if value == "ID" else value for key, value in crossval.items()}
    with pytest.raises(ConfigError, match=message):
        cross_validate(houses(table, root, crossval, **sections), spark=spark)
    assert "epoch" not in capfd.readouterr().err


def test_too_few_rows_for_the_folds_are_said_before_a_fold_is_trained(table, tmp_path, spark):
    pd.read_csv(table).head(12).to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(DataError, match=r"cannot be divided into these folds (?s:.)*has no row to be evaluated on"):
        cross_validate(houses(tmp_path / "few.csv", tmp_path / "root", {"folds": 20}), spark=spark)
    assert not (tmp_path / "root" / "stores").exists()


def test_bad_rows_beyond_the_budget_stop_the_job_and_leave_nothing(table, tmp_path, spark):
    lines = table.read_text().splitlines()
    (tmp_path / "bad.csv").write_text("\n".join([*lines, "x,wide,40,Ames,7,900,no", "y,100,old,Ames,8,900,no"]))
    data = {"source": {"path": str(tmp_path / "bad.csv")}, "label": "price", "bad_rows": {"budget": 0.0025}}
    with pytest.raises(DataError, match=r"2 rows cannot be used\. Allowed: 1\. Received: 2"):
        cross_validate(houses(tmp_path / "bad.csv", tmp_path / "root", {"folds": 2}, data=data), spark=spark)
    assert not (tmp_path / "root" / "stores").exists()


def test_more_ranks_at_a_time_than_slots_are_said_with_both_settings(table, root, spark):
    message = (
        r"train.workers times crossval.parallel_folds is 3, but the Spark master 'local\[2\]' has 2 task slots. "
        "Lower train.workers or crossval.parallel_folds, or set spark.master"
    )
    with pytest.raises(PlatformError, match=message):
        cross_validate(houses(table, root, {"folds": 3, "parallel_folds": 3}), spark=spark)


def test_a_goal_without_validation_rows_is_an_error(table, root, spark):
    config = houses(
        table,
        root,
        {"folds": 2},
        data={"source": {"path": str(table)}, "label": "abroad", "key": "id"},
        split={"fractions": {"train": 1.0, "validation": 0.0, "test": 0.0}},
        evaluate={"calibration": "platt"},
    )
    with pytest.raises(DataError, match=r"has no validation rows, which evaluate.calibration and a goal"):
        cross_validate(config, spark=spark)


@pytest.mark.parametrize(
    ("crossval", "message"),
    [
        ({"folds": 1}, r"crossval.folds.* 2"),
        ({"folds": 2000}, r"crossval.folds.* 1000"),
        ({"method": "group"}, r"crossval.method: group needs data.group; name its column there"),
        ({"method": "time"}, r"crossval.method: time needs data.time; name its column there"),
        ({"method": "bootstrap", "repeats": 2}, r"repeats do not go with method: bootstrap"),
        ({"fold": 3}, r"Did you mean 'folds'\?"),
        ({"compare_to": "the best one"}, r"crossval.compare_to"),
    ],
)
def test_settings_that_make_no_sense_are_refused(table, root, crossval, message):
    with pytest.raises(ConfigError, match=message):
        houses(table, root, crossval)
