"""The evaluation of a real run: what is kept, what single rows and slices show, and what a changed source costs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.stages.context import open_stage
from pipeline.stages.evaluate import evaluate_model
from pipeline.stages.run import run
from pipeline.store.bundle import read_test
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import model_folder, store_folder
from pipeline.store.model import open_model
from pipeline.store.store import open_store
from pipeline.tracking.tracker import NullTracker
from pipeline.training.spec import TrainingSpec

pytestmark = [pytest.mark.spark]

SETTINGS = """
name: houses
data: {source: {path: [%s]}, label: price, key: [id]}
features: {numeric: [{columns: [area, age]}], categorical: [{columns: [town]}]}
model: {hidden: [8]}
train: {epochs: 2, batch_size: 64, optimizer: {name: adam, learning_rate: 0.01}}
evaluate: {slices: [town, age > 50, "street name", area +], importance_rows: 50}
storage: {root: %s}
track: {enabled: false}
"""


class Kept(NullTracker):
    """Remembers the texts that are logged."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def log_text(self, text: str, path: str) -> None:
        self.texts[path] = text


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = pd.DataFrame({"id": np.arange(800), "area": generator.normal(100, 20, 800).round(1)})
    rows["age"] = generator.integers(0, 100, 800)
    rows["town"] = generator.choice(["Ames", "Bonn", "Cork"], 800)
    rows["street name"] = generator.choice(["High", "Low"], 800)
    rows["price"] = (1000 * rows.area - 300 * rows.age + generator.normal(0, 500, 800)).round(2)
    return rows


@pytest.fixture(scope="module")
def config(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("houses")
    source.to_csv(folder / "houses.csv", index=False)
    (folder / "houses.yaml").write_text(SETTINGS % (folder / "houses.csv", folder / "root"))
    return load_config(folder / "houses.yaml")


@pytest.fixture(scope="module")
def done(config, _spark_of_the_session):
    return run(config, spark=_spark_of_the_session)


def evaluated(config, done, spark) -> EvalReport:
    """The document of another evaluation of the same model."""
    tracker = Kept()
    with open_stage(config, "evaluate", spark=spark) as opened:
        store = open_store(store_folder(opened.root, config.name, done.prepare.store_id))
        model = open_model(
            model_folder(opened.root, config.name, TrainingSpec.of(config, done.prepare.store_id).model_id)
        )
        evaluate_model(replace(opened, tracker=tracker), config, store, model)
    return EvalReport.from_json(tracker.texts["evaluation.json"], "evaluation.json")


@pytest.fixture(scope="module")
def report(config, done, _spark_of_the_session) -> EvalReport:
    return evaluated(config, done, _spark_of_the_session)


def test_the_job_tells_metrics_intervals_and_baselines(done):
    found = done.evaluate
    assert set(found.baselines) == {"mean", "linear"}
    assert found.baselines["mean"]["r2"] == pytest.approx(0.0, abs=0.1)
    assert found.intervals["rmse"][0] < found.metrics["rmse"] < found.intervals["rmse"][1]
    assert json.loads(found.model_dump_json())["baselines"]["linear"]["r2"] > 0.99


def test_the_model_keeps_what_it_reached(config, done):
    root = storage_path(config.storage.root)
    test = read_test(open_model(model_folder(root, config.name, done.train.model_id)))
    assert (test.rows, test.metrics) == (done.evaluate.rows, done.evaluate.metrics)


def test_evaluating_again_gives_the_same_figures(done, report):
    assert report.metrics == done.evaluate.metrics
    assert report.intervals == done.evaluate.intervals


def test_single_rows_are_those_of_the_source(report, source):
    assert len(report.extremes.worst) == len(report.extremes.best) == 10
    for row in (*report.extremes.worst, *report.extremes.best):
        original = source.set_index("id").loc[int(row.values["id"])]
        assert float(row.values["price"]) == row.label == original.price
        assert (row.values["town"], row.values["street name"]) == (original.town, original["street name"])
        assert row.error == row.prediction - row.label
    errors = [abs(row.error) for row in report.extremes.worst]
    assert errors == sorted(errors, reverse=True)


def test_slices_hold_every_row_whether_by_feature_expression_or_other_column(report):
    assert [one.by for one in report.slices] == ["town", "age > 50", "street name"]
    for one in report.slices:
        assert sum(part.rows for part in one.values) == report.rows
        squares = sum(part.rows * part.metrics["mse"] for part in one.values)
        assert squares / report.rows == pytest.approx(report.metrics["mse"])
    assert {part.value for part in report.slices[0].values} == {"Ames", "Bonn", "Cork"}
    assert {part.value for part in report.slices[2].values} == {"High", "Low"}


def test_a_slice_that_cannot_be_read_is_told_and_costs_no_more(report):
    assert len(report.notes) == 1
    assert "evaluate.slices: 'area +'" in report.notes[0]


def test_columns_of_the_source_have_an_importance(report):
    assert {one.column for one in report.importance.columns} == {"area", "age", "town"}
    assert report.importance.rows == 50


def test_a_source_that_changed_gives_no_rows_and_no_slices(config, done, spark, source):
    changed = source.assign(price=1.0)
    changed.to_csv(config.data.source.path[0], index=False)
    try:
        found = evaluated(config, done, spark)
    finally:
        source.to_csv(config.data.source.path[0], index=False)
    assert found.metrics == done.evaluate.metrics
    assert found.slices == ()
    assert not any(row.values for row in found.extremes.worst)
    assert "changed since the store was prepared" in found.notes[0]
