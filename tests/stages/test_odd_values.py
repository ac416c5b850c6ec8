"""Values as the world writes them: from a file to a model, to scored rows and to served answers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.stages.score import score
from pipeline.stages.train import train
from pipeline.store.bundle import open_bundle
from pipeline.store.filesystem import storage_path

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROWS = 300
CLASSES = ("01", "02", "10")
MONTHS = 1 + np.arange(ROWS) % 12
NEW = ["00501;1.100,25;15/03/2024;n", "00501;-;15/03/2024;n", "02134;7;yesterday;n", "02134;1.2;15/03/2024;n"]


def config_of(folder: Path, **score_section: Any) -> RunConfig:
    return parse_config(
        {
            "name": "odd",
            "storage": {"root": str(folder / "root")},
            "data": {"source": {"path": str(folder / "t.csv"), "separator": ";"}, "label": "y"},
            "model": {"hidden": [4]},
            "train": {"epochs": 1, "batch_size": 64, "early_stopping": None},
            "track": {"enabled": False},
            "score": score_section,
            "drift": {"psi_warn": None, "new_category_warn": None},
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, _spark_of_the_session) -> Path:
    """Where a model was trained on zip codes, decimal commas, null markers, day-first dates and padded classes."""
    folder = tmp_path_factory.mktemp("odd")
    lines = ["zip;price;day;note;y"]
    for i in range(ROWS):
        price = "-" if i % 20 == 0 else f"{1000 + 1.25 * i:,.2f}".translate({44: ".", 46: ","})
        lines.append(
            f"{('00501', '02134')[i % 2]};{price};{1 + i % 28:02d}/{MONTHS[i]:02d}/2024;n{i % 3};{CLASSES[i % 3]}"
        )
    (folder / "t.csv").write_text("\n".join([*lines, ""]))
    (folder / "new.csv").write_text("\n".join(["zip;price;day;note", *NEW, ""]))
    train(config_of(folder), spark=_spark_of_the_session)
    return folder


def test_new_rows_are_read_like_those_of_training(folder, spark):
    settings = {"path": str(folder / "new.csv"), "bad_rows": {"budget": 2}, "keep": ["*"]}
    done = score(config_of(folder, **settings), spark=spark)

    found = pd.read_parquet(done.output.removeprefix("file://"))
    assert found["zip"].tolist() == ["00501", "00501"]
    assert set(found["label"]) <= set(CLASSES)
    assert {f"probability_{name}" for name in CLASSES} <= set(found)
    reasons = pd.read_parquet(f"{done.output.removeprefix('file://')}/_quarantine").reason
    assert sorted(reasons) == ["column 'day' is not a date", "column 'price' is not a number"]


def test_requests_are_read_alike_and_refused_with_a_sentence(folder, tmp_path):
    from mlflow.exceptions import MlflowException

    model = served(folder, tmp_path)
    rows = pd.DataFrame(
        {
            "zip": ["00501", 501],
            "price": ["1.100,25", 1100.25],
            "day": ["15/03/2024", "2024-03-15"],
            "note": ["n1", "n1"],
        }
    )
    answer = model.predict(None, rows)
    assert set(answer["label"]) <= set(CLASSES)
    numbers = answer.drop(columns="label").to_numpy()
    np.testing.assert_array_equal(numbers[0], numbers[1])

    null = model.predict(None, rows.assign(price=["-", None])).drop(columns="label").to_numpy()
    np.testing.assert_array_equal(null[0], null[1])

    for value in ("yesterday", "30/02/2023", 1682899200000):
        with pytest.raises(MlflowException) as raised:
            model.predict(None, rows.assign(day=["15/03/2024", value]))
        assert raised.value.get_http_status_code() == 400
        assert str(raised.value).endswith("in row 1. Correct it, or send null.")
        assert "Column 'day' is not a date. Allowed: d/M/yyyy, or 2024-03-01, 20240301," in str(raised.value)
    with pytest.raises(MlflowException, match=r"Column 'price' must be numeric.* Received: '1\.2' in row 0"):
        model.predict(None, rows.assign(price=["1.2", "1"]))


def served(folder: Path, tmp_path: Path) -> Any:
    """The model as MLflow loads it."""
    from pipeline.scoring.mlflow_model import RawColumnsModel

    (place,) = (folder / "root" / "models" / "odd").iterdir()
    bundle = open_bundle(storage_path(str(place)))
    features = tmp_path / "features.json"
    features.write_text(bundle.features.to_json())
    sha256 = hashlib.sha256(Path(bundle.file.path).read_bytes()).hexdigest()
    model = RawColumnsModel()
    model.load_context(
        SimpleNamespace(
            artifacts={"model": bundle.file.path, "features": str(features)}, model_config={"sha256": sha256}
        )
    )
    return model
