"""New rows through a published model: what is written, what is set aside, what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError, DataError, StoreError
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.stages.score import score
from pipeline.stages.train import train
from pipeline.store.bundle import open_bundle
from pipeline.store.filesystem import storage_path

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ODD = ['a "b", c', " spaced ", "new\nline", "Zürich", "=1+1", "semi;colon"]
NEW = pd.DataFrame(
    {
        # More rows than a batch has, so that answers must be put beside the right ones.
        "note": [*ODD, *(f"note {i}" for i in range(94))],
        "x": ["", "1e999", " 2.5", "-0.0", "true", *(str(i / 7) for i in range(95))],
        "id": [f"{i:03d}" for i in range(100)],
        "c": ["?", "", "unseen", "b", "Zürich", *("abc"[i % 3] for i in range(95))],
    }
)
NUMBERS = {"": np.nan, "true": 1.0}
"""Texts in the column x, beside those that Python reads as Spark does."""
BATCH = 16


def write_csv(rows: pd.DataFrame, path: Path) -> Path:
    rows.to_csv(path, index=False, lineterminator="\n")
    return path


def config_for(folder: Path, **score: object) -> RunConfig:
    source = {"path": str(folder / "train.csv"), "null_values": ["?"], "multiline": True}
    features = {
        "numeric": [{"columns": ["x"], "impute": "median", "not_finite": "null"}, {"columns": ["twice"]}],
        "categorical": [{"columns": ["c"]}],
        "derived": [{"name": "twice", "expression": "coalesce(x, 0) * 2"}],
    }
    return parse_config(
        {
            "name": "small",
            "data": {"source": source, "label": "y", "key": "id", "contract": "none"},
            "features": features,
            "model": {"hidden": [4]},
            "train": {"epochs": 1, "batch_size": 64},
            "storage": {"root": str(folder / "root")},
            "score": {"batch_rows": BATCH, **score},
            "drift": {"psi_warn": None, "new_category_warn": None},
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, _spark_of_the_session) -> Path:
    """Where a model was trained on 400 rows."""
    folder, rng = tmp_path_factory.mktemp("score"), np.random.default_rng(1)
    x = rng.normal(3.0, 4.0, 400).round(3)
    rows = pd.DataFrame({"id": np.arange(400), "x": x.astype(str), "c": rng.choice(["a", "b", "c", "?"], 400)})
    rows.loc[::9, "x"] = ""
    rows["y"] = np.where(x + (rows["c"] == "a") > 3.0, "yes", "no")
    write_csv(rows, folder / "train.csv")
    write_csv(NEW, folder / "new.csv")
    train(untracked(config_for(folder)), spark=_spark_of_the_session)
    return folder


@pytest.fixture(scope="module")
def done(folder, _spark_of_the_session):
    return score(config_for(folder, path=str(folder / "new.csv")), spark=_spark_of_the_session)


def place_of_model(folder: Path) -> Path:
    (place,) = (folder / "root" / "models" / "small").iterdir()
    return place


def untracked(config: RunConfig) -> RunConfig:
    return config.model_copy(update={"track": config.track.model_copy(update={"enabled": False})})


def answers_of(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """What the Keras model itself says; numbers and nulls are read here by hand."""
    import keras
    import tensorflow as tf

    import pipeline.model.serving  # noqa: F401 (registers layers)

    file = open_bundle(storage_path(str(place_of_model(folder)))).file
    numbers = [NUMBERS.get(text) or float(text) for text in rows["x"]]
    texts = [NULL_TOKEN if text in ("?", "") else text for text in rows["c"]]
    tensors = {
        "x": tf.constant(numbers, tf.float64, (len(rows), 1)),
        "c": tf.constant(texts, tf.string, (len(rows), 1)),
    }
    found = keras.saving.load_model(file.path, compile=False)(tensors)
    names = [label.decode() for label in found["label"].numpy()[:, 0]]
    probabilities = found["probabilities"].numpy().astype(np.float64)
    return pd.DataFrame({"label": names, "probability_no": probabilities[:, 0], "probability_yes": probabilities[:, 1]})


def test_answers_are_those_of_the_model_beside_the_columns_as_they_were(done, folder):
    found = pd.read_parquet(done.output.removeprefix("file://"))
    assert list(found) == [*NEW, "label", "probability_no", "probability_yes", "model_version"]
    found = found.sort_values("id", ignore_index=True)
    # Spark reads an empty field as null; markers of null stay as they were in what is kept.
    pd.testing.assert_frame_equal(found[list(NEW)].fillna(""), NEW)
    expected = answers_of(folder, NEW)
    assert found["label"].tolist() == expected["label"].tolist()
    assert set(found["label"]) == {"no", "yes"}
    for name in ("probability_no", "probability_yes"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)
    assert set(found["model_version"]) == {done.model_version}
    card = open_bundle(storage_path(str(place_of_model(folder)))).card
    assert done.model_version == f"{card.model_id}-{card.sha256[:12]}"
    assert (done.rows, done.quarantined, done.drift.rows) == (100, 0, 100)
    assert json.loads(done.to_json())["drift"]["column"] in ("x", "c", "twice")


def test_it_is_a_run_of_its_own(done, folder):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/root/mlflow.db")
    recorded = client.get_run(done.run_id)
    assert (recorded.info.run_name, recorded.info.status, recorded.data.tags["stage"]) == ("score", "FINISHED", "score")
    assert recorded.data.tags["model_version"] == done.model_version
    assert recorded.data.metrics["score/rows"] == 100
    assert {artifact.path for artifact in client.list_artifacts(done.run_id)} >= {"drift.json", "drift.txt"}


def test_csv_gives_back_every_text_and_an_output_is_replaced_only_where_that_is_said(spark, folder, tmp_path):
    asked = {"path": str(folder / "new.csv"), "output": str(tmp_path / "out"), "format": "csv", "drift_rows": 0}
    first = score(untracked(config_for(folder, **asked, keep=["x"])), spark=spark)
    assert first.drift is None
    with pytest.raises(ConfigError, match="out' already exists"):
        score(untracked(config_for(folder, **asked)), spark=spark)
    score(untracked(config_for(folder, **asked, mode="overwrite", prefix="p_", keep=["note"])), spark=spark)
    (part,) = (tmp_path / "out").glob("part-*.csv")
    with part.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["note", "id", "p_label", "p_probability_no", "p_probability_yes", "p_model_version"]
    assert sorted(row["note"] for row in rows) == sorted(NEW["note"])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_rows_that_cannot_be_scored_are_set_aside_within_the_budget(spark, folder, tmp_path, caplog):
    (tmp_path / "bad.csv").write_text("id,x,c\n1,2.0,a\n2,many,a\n3,4.0\n4,5.5,never seen\n")
    asked = {"path": str(tmp_path / "bad.csv"), "output": str(tmp_path / "out"), "drift_rows": 0}
    with pytest.raises(DataError) as raised:
        score(untracked(config_for(folder, **asked, bad_rows={"budget": 1})), spark=spark)
    assert "2 rows cannot be used. Allowed: 1. Received: 2. Repair the data, or raise score.bad_rows.budget" in str(
        raised.value
    )
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]
    result = score(untracked(config_for(folder, **asked, bad_rows={"budget": 0.5})), spark=spark)
    assert (result.rows, result.quarantined) == (2, 2)
    assert pd.read_parquet(tmp_path / "out").sort_values("id")["id"].tolist() == ["1", "4"]
    aside = pd.read_parquet(tmp_path / "out" / "_quarantine").sort_values("reason")
    assert aside["reason"].tolist() == ["column 'x' is not a number", "malformed line"]
    assert aside["line"].tolist() == ['{"x":"many","c":"a","id":"2"}', "3,4.0"]
    assert "2 of 4 rows cannot be used and were quarantined" in caplog.text


def test_a_drift_limit_stops_before_anything_is_published(spark, folder, tmp_path, caplog):
    moved = NEW.drop(columns="id").assign(c="elsewhere", x=[str(50 + i) for i in range(100)])
    asked = {"path": str(write_csv(moved, tmp_path / "moved.csv")), "output": str(tmp_path / "out")}
    config = untracked(config_for(folder, **asked))
    limits = config.drift.model_copy(update={"new_category_stop": 0.5})
    with pytest.raises(DataError, match=r"drifted too far\. Allowed: 50\.00% new categories at most\.\n"):
        score(config.model_copy(update={"drift": limits}), spark=spark)
    assert not (tmp_path / "out").exists()
    worst = score(config, spark=spark).drift
    assert worst.psi > 1.0
    assert "The source has no column id (data.key)" in caplog.text


def test_no_row_at_all_gives_an_output_with_its_columns(spark, folder, tmp_path):
    (tmp_path / "none.csv").write_text("id,x,c\n")
    for format in ("parquet", "csv"):
        asked = {"path": str(tmp_path / "none.csv"), "output": str(tmp_path / format), "format": format}
        result = score(untracked(config_for(folder, **asked)), spark=spark)
        assert (result.rows, result.quarantined, result.drift) == (0, 0, None)
    names = ["id", "x", "c", "label", "probability_no", "probability_yes", "model_version"]
    assert list(pd.read_parquet(tmp_path / "parquet")) == names
    (part,) = (tmp_path / "csv").glob("part-*.csv")
    assert part.read_text() == ",".join(names) + "\n"


def test_a_bundle_is_all_that_is_needed(spark, folder, tmp_path, done):
    shutil.copytree(place_of_model(folder), tmp_path / "model")
    config = config_for(
        tmp_path, model=str(tmp_path / "model"), keep=[], source={"path": str(tmp_path / "new.parquet")}
    )
    typed = NEW.assign(x=[NUMBERS.get(text) or float(text) for text in NEW["x"]])
    typed.to_parquet(tmp_path / "new.parquet")
    result = score(untracked(config), spark=spark)
    assert result.output == f"file://{tmp_path}/root/scores/small"
    found = pd.read_parquet(tmp_path / "root" / "scores" / "small").sort_values("id", ignore_index=True)
    earlier = pd.read_parquet(done.output.removeprefix("file://")).sort_values("id", ignore_index=True)
    # An empty text is a category in Parquet, and null in CSV; "?" is null in the CSV files of this configuration only.
    same = NEW["c"].isin(["a", "b", "c", "unseen"])
    pd.testing.assert_frame_equal(found[same], earlier.loc[same, list(found)])
    with pytest.raises(ConfigError, match=r"score.path is missing: the files to score\. Add it, or score.source"):
        score(config_for(folder), spark=spark)
    with pytest.raises(DataError, match="Column 'c' is not in the source"):
        score(untracked(config_for(folder, path=str(write_csv(NEW[["id", "x"]], tmp_path / "less.csv")),
                                   output=str(tmp_path / "less"))), spark=spark)  # fmt: skip
    with open(next((tmp_path / "model").rglob("*.keras")), "ab") as file:
        file.write(b"x")
    with pytest.raises(StoreError, match=r"model\.keras was altered"):
        score(untracked(config.model_copy(update={"score": config.score.model_copy(update={"mode": "overwrite"})})),
              spark=spark)  # fmt: skip


def test_a_delta_table(spark, folder, tmp_path):
    deltalake = pytest.importorskip("deltalake", reason="the extra 'delta' is not installed")
    asked = {"path": str(folder / "new.csv"), "output": str(tmp_path / "out"), "format": "delta", "drift_rows": 0}
    result = score(untracked(config_for(folder, **asked)), spark=spark)
    found = deltalake.DeltaTable(tmp_path / "out").to_pandas()
    assert sorted(found["id"]) == sorted(NEW["id"])
    assert result.rows == 100
