"""Automatic features of tables of mixed kinds: what becomes a feature, what is left out, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.store.store import read_profile
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 120


def frame(**more) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    x = rng.normal(size=ROWS).round(3)
    return pd.DataFrame({"x": x, "c": rng.choice(["a", "b"], ROWS), **more, "y": (x + rng.normal(size=ROWS)).round(3)})


def left_out(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if " is left out: " in record.getMessage()]


def features_of(store) -> list[str]:
    return [column.name for column in store.features.raw]


def test_row_names_of_pandas_and_r(spark, tmp_path, caplog):
    frame().to_csv(tmp_path / "t.csv")
    store = build(spark, spec_for(tmp_path / "t.csv"), tmp_path / "root")
    assert features_of(store) == ["x", "c"]
    assert left_out(caplog) == ["Column '' is left out: it has no name; row names look like that."]
    assert len(rows_of(store)) == ROWS


def test_repeated_names(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,v,v,y\n" + "".join(f"{i}.5,{i % 3},{i % 5},{i % 7}.5\n" for i in range(ROWS)), encoding="utf-8")
    with pytest.raises(DataError, match=r"^Column 'v' appears twice in the source\. Allowed: once\. Rename the others"):
        build(spark, spec_for(path), tmp_path / "root")
    assert features_of(build(spark, spec_for(path, exclude="v"), tmp_path / "root")) == ["x"]


def test_names_that_the_exported_model_cannot_have(spark, tmp_path, caplog):
    frame(**{"km/h": np.arange(ROWS) * 2.5, "__secret": np.arange(ROWS) * 1.5}).to_csv(tmp_path / "t.csv", index=False)
    assert features_of(build(spark, spec_for(tmp_path / "t.csv"), tmp_path / "root")) == ["x", "c"]
    assert [line.split(" is left out")[0] for line in left_out(caplog)] == ["Column 'km/h'", "Column '__secret'"]
    chosen = spec_for(tmp_path / "t.csv", numeric=[{"columns": ["type:number"]}])
    assert features_of(build(spark, chosen, tmp_path / "root")) == ["x"]
    with pytest.raises(ConfigError, match=r"columns whose names the exported model cannot have: 'km/h'\. Rename"):
        spec_for(tmp_path / "t.csv", numeric=["km/h"])


def mixed() -> pa.Table:
    """A table with a column of each kind that cannot be a feature."""
    table = pa.Table.from_pandas(frame(), preserve_index=False)
    more = {
        "nothing": pa.nulls(ROWS),
        "none": pa.nulls(ROWS, pa.float64()),
        "s": pa.array([{"a": i} for i in range(ROWS)]),
        "l": pa.array([[i] for i in range(ROWS)]),
        "m": pa.array([[("k", i)] for i in range(ROWS)], pa.map_(pa.string(), pa.int64())),
        "b": pa.array([b"\x89PNG"] * ROWS),
        "path": pa.array([f"pictures/{i}.png" for i in range(ROWS)]),
        "id": pa.array(np.arange(ROWS) * 3),
    }
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


EXPECTED = {
    "nothing": "it has no value in any row",
    "s": "it holds structs, which cannot be a feature",
    "l": "it holds lists, which cannot be a feature",
    "m": "it holds maps, which cannot be a feature",
    "b": "it holds bytes, such as pictures, which cannot be a feature",
    "none": "it has no value in any row",
    "path": "it holds paths of pictures, such as 'pictures/0.png'",
    "id": "every row has another identifier",
}


def test_what_parquet_may_hold(spark, tmp_path, caplog):
    pq.write_table(mixed(), tmp_path / "t.parquet")
    store = build(spark, spec_for(tmp_path / "t.parquet"), tmp_path / "root")
    assert features_of(store) == ["x", "c"]
    assert sorted(left_out(caplog)) == sorted(f"Column '{name}' is left out: {why}." for name, why in EXPECTED.items())
    assert read_profile(store).unused == EXPECTED


def test_what_json_may_hold(spark, tmp_path, caplog):
    rows = frame().to_dict("records")
    lines = [{**row, "o": {"a": i}, "l": [i], "n": None} for i, row in enumerate(rows)]
    (tmp_path / "t.json").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    store = build(spark, spec_for(tmp_path / "t.json", exclude=["o*"]), tmp_path / "root")
    assert features_of(store) == ["x", "c"]
    assert left_out(caplog) == [
        "Column 'l' is left out: it holds JSON objects or lists, such as '[0]'.",
        "Column 'n' is left out: it has no value in any row.",
    ]


def test_excluded_columns_are_no_features(spark, tmp_path):
    frame(tmp_a=np.arange(ROWS) * 1.5, tmp_b=np.arange(ROWS) * 2.5, k=np.arange(ROWS)).to_csv(
        tmp_path / "t.csv", index=False
    )
    of_default = spec_for(tmp_path / "t.csv", exclude=["tmp_*", "c", "k"], key="k")
    assert features_of(build(spark, of_default, tmp_path / "root")) == ["x"]
    of_pattern = spec_for(tmp_path / "t.csv", numeric=[{"columns": ["*"]}], exclude=["tmp_a", "c"])
    assert features_of(build(spark, of_pattern, tmp_path / "root")) == ["x", "tmp_b", "k"]


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        (["xs"], "'xs' in data.exclude matches no column. Did you mean 'x'?"),
        (["tmp_*"], "'tmp_*' in data.exclude matches no column. Known: c, x, y."),
    ],
)
def test_an_entry_that_excludes_nothing(spark, tmp_path, exclude, message):
    frame().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ConfigError) as raised:
        build(spark, spec_for(tmp_path / "t.csv", exclude=exclude), tmp_path / "root")
    assert str(raised.value) == message


def test_a_named_feature_is_not_excluded(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"columns named as features that data\.exclude takes out: x\. Remove one"):
        spec_for(tmp_path / "t.csv", numeric=["x"], exclude=["x*"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_without_a_label_are_left_out_and_counted(spark, tmp_path, kind):
    rows = frame()
    rows.loc[:9, "y"] = np.nan
    path = tmp_path / f"t.{kind}"
    rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path)
    with pytest.raises(DataError, match=r"in 10 of 120 rows .*Fill their labels, or set data.label_nulls: drop"):
        build(spark, spec_for(path), tmp_path / "root")
    store = build(spark, spec_for(path, label_nulls="drop"), tmp_path / "root")
    assert (sum(store.manifest.rows.values()), store.manifest.left_out, store.manifest.quarantined) == (110, 10, 0)
    assert np.isfinite(rows_of(store)["y"]).all()


def test_a_table_without_anything_to_learn_from(spark, tmp_path):
    pd.DataFrame({"id": np.arange(ROWS) * 3, "y": np.arange(ROWS) % 2}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ConfigError) as raised:
        build(spark, spec_for(tmp_path / "t.csv"), tmp_path / "root")
    assert str(raised.value) == (
        "There is no feature column. Left out are 'id' (every row has another identifier). Name "
        "some under features.numeric or .categorical."
    )
