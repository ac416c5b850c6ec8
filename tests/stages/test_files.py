"""One table in every layout of files, and in two parts that are joined: one store, one model, the same answers."""

from __future__ import annotations

import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.stages.prepare import prepare
from pipeline.stages.score import score
from pipeline.stages.train import train
from pipeline.store.bundle import open_bundle
from pipeline.store.filesystem import storage_path

pytestmark = [pytest.mark.spark, pytest.mark.slow]

NAMES = ("id", "zip", "x", "y", "crm_age", "crm_area")


def table() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    zips = np.array(["00501", "02134", "98002", "98166"])
    rows = pd.DataFrame({"id": np.arange(400), "zip": rng.choice(zips, 400), "x": rng.normal(3.0, 4.0, 400).round(3)})
    rows["y"] = np.where(rows["x"] > 3.0, "yes", "no")
    right = pd.DataFrame({"zip": zips, "age": [31.5, 40.25, 28.0, 55.0], "area": ["north", "south", "north", "east"]})
    return rows.merge(right.rename(columns={"age": "crm_age", "area": "crm_area"}), on="zip", how="left")


def write(rows: pd.DataFrame, folder: Path, layout: str) -> dict[str, object]:
    """Write rows; returns the source."""
    path = folder / f"new.{layout}"
    text = rows.to_csv(index=False)
    if layout in ("csv", "csv.xz"):
        path.write_bytes(lzma.compress(text.encode()) if layout == "csv.xz" else text.encode())
    elif layout == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rows/new.csv", text)
    elif layout == "headless.csv":
        rows.to_csv(path, index=False, header=False)
        return {"path": str(path), "header": False, "columns": [*rows.columns]}
    elif layout == "json":
        path.write_text(json.dumps(rows.to_dict("records"), indent=1))
    elif layout == "nested.json":
        records = [
            {**{name: row[name] for name in rows.columns}, "z": {"ip": row["zip"]}} for row in rows.to_dict("records")
        ]
        path.write_text("\n".join(map(json.dumps, records)))
    elif layout == "feather":
        feather.write_feather(rows, str(path))
    elif layout == "arrow":
        batch = pa.RecordBatch.from_pandas(rows, preserve_index=False)
        with ipc.new_file(str(path), batch.schema) as writer:
            writer.write(batch)
    else:
        pytest.importorskip("openpyxl")
        rows.to_excel(path, index=False)
    return {"path": str(path)}


def config(folder: Path, root: str, source: dict[str, object], joins: list[object], score: object = None) -> RunConfig:
    return parse_config(
        {
            "name": "files",
            "data": {"source": source, "joins": joins, "label": "y", "key": "id"},
            "features": {"numeric": [{"columns": ["x", "crm_age"]}], "categorical": [{"columns": ["zip", "crm_area"]}]},
            "model": {"hidden": [4]},
            "train": {"epochs": 1, "batch_size": 64},
            "storage": {"root": str(folder / root)},
            "track": {"enabled": False},
            "score": score or {},
            "drift": {"psi_warn": None, "new_category_warn": None},
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The table whole, and in two parts."""
    folder, rows = tmp_path_factory.mktemp("files"), table()
    write(rows, folder, "csv")
    rows[["id", "zip", "x", "y"]].to_csv(folder / "left.csv", index=False)
    right = rows[["zip", "crm_age", "crm_area"]].drop_duplicates()
    right.rename(columns=lambda name: name.removeprefix("crm_")).to_parquet(folder / "right.parquet")
    return folder


@pytest.fixture(scope="module")
def joins(folder) -> list[object]:
    return [{"source": {"path": str(folder / "right.parquet")}, "on": ["zip"], "prefix": "crm_"}]


@pytest.fixture(scope="module")
def trained(folder, joins, _spark_of_the_session) -> Path:
    """The root of a model that was trained with the join."""
    train(config(folder, "joined", {"path": str(folder / "left.csv")}, joins), spark=_spark_of_the_session)
    return folder / "joined"


def files_of(root: Path) -> dict[str, bytes]:
    (store,) = (root / "stores" / "files").iterdir()
    return {str(path.relative_to(store)): path.read_bytes() for path in store.glob("*/*.parquet")}


def scored(folder: Path, joins: list[object], settings: dict[str, object], name: str, spark) -> pd.DataFrame:
    output = folder / "scores" / name
    settings = {"output": str(output), "keep": [], **settings}
    score(config(folder, "joined", {"path": str(folder / "left.csv")}, joins, settings), spark=spark)
    return pd.read_parquet(output).astype({"id": int}).sort_values("id", ignore_index=True)


@pytest.fixture(scope="module")
def answers(folder, joins, trained, _spark_of_the_session) -> pd.DataFrame:
    """Predictions for the left part, joined as in training."""
    return scored(folder, joins, {"path": str(folder / "left.csv")}, "left", _spark_of_the_session)


def test_a_store_of_joined_parts_is_that_of_the_whole(spark, folder, trained):
    prepare(config(folder, "whole", {"path": str(folder / "new.csv")}, []), spark=spark)
    joined, whole = files_of(trained), files_of(folder / "whole")
    assert len(whole) > 3
    assert joined == whole


def test_the_model_takes_the_joined_columns(trained):
    (model,) = (trained / "models" / "files").iterdir()
    raw = [(column.name, column.type) for column in open_bundle(storage_path(str(model))).features.raw]
    assert sorted(raw) == [("crm_age", "number"), ("crm_area", "text"), ("x", "number"), ("zip", "text")]


@pytest.mark.parametrize(
    "layout", ["csv", "csv.xz", "zip", "headless.csv", "json", "nested.json", "feather", "arrow", "xlsx"]
)
def test_every_layout_is_scored_alike(spark, folder, joins, answers, layout):
    source = write(table(), folder, layout)
    pd.testing.assert_frame_equal(scored(folder, joins, {"source": source, "joins": []}, layout, spark), answers)
    assert len(answers) == 400


def test_a_joined_column_that_gives_the_label_away_is_found(spark, folder):
    rows = table()
    outcomes = pd.DataFrame({"id": rows["id"], "outcome": rows["y"].map({"yes": "paid", "no": "open"})})
    outcomes.to_csv(folder / "outcomes.csv", index=False)
    join = {"source": {"path": str(folder / "outcomes.csv")}, "on": ["id"], "prefix": "late_"}
    leaky = config(folder, "leaky", {"path": str(folder / "left.csv")}, [join])
    leaky = parse_config(
        leaky.model_dump(exclude={"features"}, exclude_unset=True)
        | {"features": {"numeric": [{"columns": ["x"]}], "categorical": [{"columns": ["late_outcome"]}]}}
    )
    prepare(leaky, spark=spark)
    (audit,) = (folder / "leaky" / "stores").glob("*/*/audit.json")
    (check,) = [check for check in json.loads(audit.read_text())["checks"] if "label" in check["name"]]
    assert "'late_outcome' (1.0000), 'x' (1.0000) predict the label nearly perfectly" in check["detail"]
