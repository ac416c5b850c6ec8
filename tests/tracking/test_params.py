"""Parameters are few, flat and comparable; the whole configuration travels beside them, without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config.load import load_config, parse_config
from pipeline.tracking.params import config_text, hidden_settings, run_name, run_params

CONTENT: dict[str, Any] = {
    "name": "demo",
    "data": {"source": {"sample": "iris"}, "label": "species", "key": "id"},
    "features": {"numeric": {"columns": ["a", "b"]}, "categorical": {"columns": "c"}},
}


def test_params_are_flat_and_leave_out_what_has_no_effect() -> None:
    params = run_params(parse_config(CONTENT | {"model": {"hidden": [64, 32]}, "train": {"optimizer": "adam"}}))
    assert params["model.hidden"] == "64-32"
    assert params["train.optimizer.name"] == "adam"
    assert params["train.early_stopping.patience"] == 10
    assert (params["label"], params["seed"]) == ("species", 0)
    assert "train.optimizer.momentum" not in params
    assert "train.max_restarts" not in params, "how ranks are looked after shapes no model"
    assert not [key for key in params if key.startswith(("spark", "storage", "track", "data"))]


def test_what_is_switched_off_is_said() -> None:
    config = parse_config(
        CONTENT | {"model": {"hidden": []}, "train": {"early_stopping": None, "optimizer": {"name": "sgd"}}}
    )
    params = run_params(config)
    assert params["model.hidden"] == "none"
    assert params["train.early_stopping.patience"] == "off"
    assert params["train.optimizer.momentum"] == 0.0


def test_the_weights_of_classes_are_one_param() -> None:
    params = run_params(parse_config(CONTENT | {"train": {"class_weights": {"setosa": 2, "b, c": 0.5}}}))
    assert params["train.class_weights"] == "setosa=2, b, c=0.5"
    assert not [key for key in params if key.startswith("train.class_weights.")]


@pytest.mark.parametrize("stopping", [{"patience": 3}, None])
def test_configuration_is_read_back_as_it_was(tmp_path: Path, stopping: dict[str, int] | None) -> None:
    config = parse_config(CONTENT | {"train": {"early_stopping": stopping}, "drift": {"psi_warn": None}})
    (tmp_path / "config.yaml").write_text(config_text(config), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == config


def test_secrets_stay_here() -> None:
    spark = {"conf": {"spark.hadoop.fs.s3a.secret.key": "hush", "spark.authenticate.secret": "hush", "spark.x": "seen"}}
    track = {"uri": "https://me:hush@tracking.example:5000/a"}
    text = config_text(parse_config(CONTENT | {"spark": spark, "track": track}))
    content = yaml.safe_load(text)
    assert "hush" not in text
    assert content["track"]["uri"] == "https://tracking.example:5000/a"
    assert content["spark"]["conf"]["spark.x"] == "seen"
    assert content["data"]["key"] == ["id"]


SECRETS = {
    "DB_PWD": "hush",
    "API_KEY": "hush",
    "spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net": "hush",
    "fs.azure.sas.lake": "hush",
    "javax.jdo.option.ConnectionPassword": "hush",
    "passwordOfNumbers": 4711,
    "url": "jdbc:postgresql://db/x?user=me&password=hush",
    "server": "jdbc:sqlserver://db;user=me;password=hush;encrypt=true",
    "oracle": "jdbc:oracle:thin:me/hush@//db:1521/x",
    "blob": "https://lake.blob.core.windows.net/c/x.csv?sv=2024&sig=hush%3D",
    "connection": "DefaultEndpointsProtocol=https;AccountName=lake;AccountKey=hush+/==;EndpointSuffix=x",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nhush\n-----END RSA PRIVATE KEY-----",
    "nested": {"deep": [{"client_secret": "hush"}, "Bearer hushhushhush"]},
}


def test_secrets_are_known_by_name_and_by_shape_and_their_settings_are_named() -> None:
    callback = {"target": "tests.support.callbacks:Counting", "options": SECRETS | {"header": "seen", "n": 3}}
    config = parse_config(CONTENT | {"train": {"callbacks": [callback]}})
    text = config_text(config)
    assert "hush" not in text
    assert "4711" not in text
    (shown,) = (callback["options"] for callback in yaml.safe_load(text)["train"]["callbacks"])
    assert (shown["header"], shown["n"], shown["DB_PWD"]) == ("seen", 3, "(hidden)")
    assert shown["server"] == "jdbc:sqlserver://db;user=me;password=...;encrypt=true"
    names = [*SECRETS.keys() - {"nested"}, "nested.deep.client_secret", "nested.deep"]
    assert {*hidden_settings(config)} == {f"train.callbacks.options.{name}" for name in names}
    assert "hush" not in str(run_params(config))


def test_names_tell_runs_apart() -> None:
    deep = parse_config(CONTENT | {"model": {"hidden": [64, 32]}, "seed": 3})
    assert run_name(deep, "run") == "run 64-32 relu, adam 0.001, seed 3"
    assert run_name(parse_config(CONTENT | {"model": {"hidden": []}}), "train") == "train linear, adam 0.001, seed 0"
