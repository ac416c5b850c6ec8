"""Notebooks run as they are, on a small sample with few epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.databricks import cells_of, definitions_in, run_notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))


def test_there_is_the_main_one():
    assert "01_main_job.py" in {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_call_the_library_and_define_nothing(path):
    assert cells_of(path)
    assert definitions_in(path) == []


@pytest.mark.spark
def test_the_main_job_runs_and_every_cell_may_run_twice(spark, tmp_path, monkeypatch, repository):
    monkeypatch.chdir(repository / "notebooks")
    widgets = {"config": "../conf/iris.yaml", "root": str(tmp_path), "workers": "1", "epochs": "2"}

    names = run_notebook(repository / "notebooks" / "01_main_job.py", widgets, times=2)

    assert names["config"].train.epochs == 2
    assert names["store"].reused, "the second time, the store is there"
    assert names["store"].rows["train"] > 50
    assert list(names["history"].index) == [1, 2]
    assert {"network", "linear"} <= set(names["metrics"].columns)
    assert 0.0 <= names["evaluated"].metrics["accuracy"] <= 1.0
    assert (tmp_path / "mlflow.db").is_file()
    assert spark.range(3).count() == 3, "a live session goes on"


@pytest.mark.spark
def test_cross_validation_runs_and_every_cell_may_run_twice(spark, tmp_path, monkeypatch, repository):
    monkeypatch.chdir(repository / "notebooks")
    widgets = {"config": "../conf/iris.yaml", "root": str(tmp_path), "folds": "2", "epochs": "1"}

    names = run_notebook(repository / "notebooks" / "02_cross_validation.py", widgets, times=2)

    assert list(names["folds"].index) == [0, 1]
    accuracy = names["metrics"].loc["accuracy"]
    assert accuracy["from"] < accuracy["mean"] < accuracy["to"]
    right = names["predictions"].label == names["predictions"].__actual
    assert right.mean() == pytest.approx(accuracy["together"])
    assert len(right) == names["found"].rows
    assert spark.range(3).count() == 3, "a live session goes on"
