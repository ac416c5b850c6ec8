"""README stays true: its example is run, its code is run, its commands are those of the project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.config import load_config
from pipeline.config.load import parse_config
from pipeline.stages.run import run


@pytest.fixture(scope="module")
def readme(repository) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def block(readme: str, language: str) -> str:
    """The first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", readme, re.DOTALL)
    assert found, f"README has no {language} block"
    return found[1]


def test_every_file_that_it_names_is_there(repository, readme):
    named = set(re.findall(r"(?:\./)?((?:scripts|jobs|conf|docs|notebooks|pipeline)/[\w./-]+\w)", readme))
    missing = {name for name in named if not (repository / name).exists()} - {"conf/mine.yaml", "conf/customers.yaml"}
    assert len(named) > 10
    assert missing == set()


def test_every_job_that_is_there_is_named(repository, readme):
    assert {path.name for path in (repository / "jobs").glob("*.py")} == set(re.findall(r"\| `jobs/(\w+\.py)`", readme))


def write_customers(folder) -> None:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "customer_id": np.arange(600),
            "age": rng.integers(18, 90, 600),
            "balance": rng.normal(1000, 400, 600).round(2),
            "region": rng.choice(["north", "south"], 600),
            "channel": rng.choice(["web", "branch"], 600),
        }
    )
    rows["churned"] = np.where(rows["balance"] + rng.normal(0, 100, 600) < 900, "yes", "no")
    rows.to_csv(folder / "customers.csv", index=False)


@pytest.mark.slow
@pytest.mark.spark
def test_your_own_data_in_one_command(readme, repository, tmp_path):
    write_customers(tmp_path)
    command = next(line for line in readme.splitlines() if line.startswith("python jobs/run.py --data"))
    script, *arguments = command.split()[1:]
    done = subprocess.run(
        [sys.executable, str(repository / script), *arguments, "--set", "train.epochs=3"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert (len(result["train"]["history"]), result["evaluate"]["classes"]) == (3, ["no", "yes"])
    assert "Key: 'customer_id', by its name an identifier: rows of one key stay in one split." in done.stderr
    assert "2 columns: region, channel (texts, of which the 100 most frequent values count)." in done.stderr


@pytest.mark.spark
@pytest.mark.world_size(2)
def test_a_configuration_by_hand(readme, tmp_path, monkeypatch, spark):
    write_customers(tmp_path)
    (tmp_path / "mine.yaml").write_text(block(readme, "yaml"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = run(load_config("mine.yaml", overrides=["train.epochs=3", "track.enabled=false"]), spark=spark)
    assert done.train.workers == 2
    assert done.evaluate.classes == ("no", "yes")
    assert (tmp_path / "artifacts" / "models" / "mine").is_dir()


@pytest.mark.spark
def test_the_code_for_a_notebook_runs(readme, repository, tmp_path, monkeypatch, spark):
    (tmp_path / "conf").symlink_to(repository / "conf")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block(readme, "python"), "README.md", "exec"), names)
    assert names["result"].evaluate.metrics["accuracy"] > 0.6


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.world_size(2)
def test_the_demo_ends_with_its_summary(repository, tmp_path):
    settings = ("data.source.rows=4000", "train.epochs=2", f"storage.root={tmp_path}")
    command = ["./scripts/demo", *(part for setting in settings for part in ("--set", setting))]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in ("ranks    2", f"./scripts/mlflow-ui --root {tmp_path}"):
        assert line in done.stdout
    assert re.search(r"^Test split +network +mean +linear$", done.stdout, re.MULTILINE)
    assert re.search(r"^rmse( +\d[\d.]*){3}  (better|worse) than linear$", done.stdout, re.MULTILINE)


def test_the_features_that_it_shows_are_a_configuration(readme):
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)[1])
    content = {"name": "shown", "data": {"source": {"path": "t.csv"}, "label": "y"}, **shown}
    features = parse_config(content).features
    assert len(features.categorical) == 5
    assert features.dates[0].cyclic


def test_the_cross_validation_that_it_shows_is_a_configuration(readme):
    (shown,) = (text for text in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if text.startswith("crossval:"))
    content = {"name": "shown", "data": {"source": {"path": "t.csv"}, "label": "y"}, **yaml.safe_load(shown)}
    assert parse_config(content).crossval.parallel_folds == 2
