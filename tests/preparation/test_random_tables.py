"""Random tables: a store is complete and finite, or an error says what is wrong with the data."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.errors import PipelineError
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.store import read_profile
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

NAMES = ["a", "a b", "größe", "a.b", "`", "x=1", "sel'ect\"", "日本", "[0]", "A%\\"]
NUMBERS = [None, float("nan"), 0.0, -0.0, 1.0, -1.0, 2.5, 1e6, 1e-300, 1e38, 1e300, -1e300, 5e-324]
ENDLESS = [float("inf"), float("-inf")]
TEXTS = [
    None,
    "",
    " ",
    "a",
    "A",
    "é",
    "e\u0301",
    "日本|a",
    "a|b|a",
    "NULL",
    "\x00null",
    "\x00",
    "x" * 300,
    "1",
    "a\x1fb",
]
NUMERIC: list[dict[str, Any]] = [
    {"scale": "standard"},
    {"scale": "min_max", "impute": "median", "indicator": True},
    {"scale": "robust", "impute": "mode"},
    {"scale": "max_abs", "impute": "constant", "fill": 0.5},
    {"scale": "none", "clip": {"low": -10, "high": 10}},
    {"shape": "power", "clip": {"quantiles": [0.1, 0.9]}},
    {"shape": "log1p", "clip": {"low": 0}},
    {"encoding": "piecewise_linear", "bins": 4},
    {"encoding": "bucketize", "bins": 3, "binning": "quantile"},
    {"encoding": "bucketize", "bins": 3, "binning": "uniform"},
]
CATEGORICAL: list[dict[str, Any]] = [
    {},
    {"max_categories": 2, "encoding": "embedding"},
    {"min_count": 3},
    {"hash_buckets": 3},
    {"separator": "|", "max_values": 2},
    {"encoding": "target_mean"},
    {"encoding": "ordinal", "order": ["a", "b"]},
]


@st.composite
def tables(draw) -> dict[str, Any]:
    """Columns with the settings of their features; the label is their last one."""
    rows = draw(st.sampled_from([0, 2, 60, 60, 60, 60]))
    # One seed a table: as many draws as a table has cells would be most of the time.
    chance = random.Random(draw(st.integers(0, 1 << 30)))
    names = draw(st.permutations(NAMES))[: draw(st.integers(2, 6))]
    numbers = chance.sample(NUMBERS, chance.randint(1, 6)) + ([ENDLESS[0]] if chance.random() < 0.3 else [])
    columns, numeric, categorical = {}, [], []
    for name in names[:-1]:
        if chance.random() < 0.5:
            columns[name] = [chance.choice(numbers) for _ in range(rows)]
            numeric.append({"columns": [name], "not_finite": "null"})
            numeric[-1] |= chance.choice(NUMERIC)
        else:
            known = chance.sample(TEXTS, chance.randint(1, 6))
            columns[name] = [chance.choice(known) for _ in range(rows)]
            categorical.append({"columns": [name], **chance.choice(CATEGORICAL)})
    kinds = {
        "number": lambda: chance.gauss(0.0, 1.0),
        "few": lambda: float(chance.randrange(2)),
        "text": lambda: chance.choice(["no", "yes", "perhaps"]),
        "gaps": lambda: chance.choice([None, 1.0, 2.0]),
    }
    label = draw(st.sampled_from(sorted(kinds)))
    columns[names[-1]] = [kinds[label]() for _ in range(rows)]
    keyed = {"key": "id"} if chance.random() < 0.7 else {}
    columns["id"] = [float(row) for row in range(rows)]
    if chance.random() < 0.3:
        columns = {name: [*values, *values] for name, values in columns.items()}
    return {
        "columns": columns,
        "settings": {
            "label": names[-1],
            **keyed,
            "numeric": numeric,
            "categorical": categorical,
            "features": {"drop": chance.random() < 0.5},
            "bad_rows": {"budget": chance.choice([0.0, 0.9])},
            "target": chance.choice(["standard", "power", "none"]),
        },
        "csv": chance.random() < 0.4,
    }


def written(folder: Path, table: dict[str, Any]) -> Path:
    frame = pd.DataFrame({name: pd.Series(values, dtype=kind_of(values)) for name, values in table["columns"].items()})
    path = folder / ("t.csv" if table["csv"] else "t.parquet")
    frame.to_csv(path, index=False) if table["csv"] else frame.to_parquet(path)
    return path


def kind_of(values: list[Any]) -> str:
    return "float64" if all(value is None or isinstance(value, float) for value in values) else "object"


def assert_complete(store, rows: int) -> None:
    manifest = store.manifest
    assert sum(manifest.rows.values()) + manifest.left_out == rows  # those set aside among them
    stored = rows_of(store)
    assert len(stored) == rows - manifest.quarantined - manifest.left_out
    for column in store.contract.columns:
        values = stored[column.name].to_numpy()
        assert np.isfinite(values).all(), column.name
        if column.size is not None:
            assert ((values >= 0) & (values < column.size)).all(), column.name
    splits = stored.groupby(ROW_ID)["split"].nunique()
    assert (splits == 1).all()


# An example is a store: one that fails is shown as it is.
@settings(max_examples=12, phases=[Phase.generate], derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_a_store_is_complete_or_an_error_says_why(spark, tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("schema")
    rows = len(next(iter(table["columns"].values())))
    try:
        store = build(spark, spec_for(written(folder, table), **table["settings"]), folder / "r")
    except PipelineError as error:
        assert str(error).endswith((".", "?"))
        assert not (folder / "r" / "stores").exists()
    else:
        assert_complete(store, rows)


ALL_IN_TRAIN = {"train": 1.0, "validation": 0.0, "test": 0.0}
MESSAGES = {
    "": r"The source has columns and no row\. Correct data\.source\.",
    "1.5,a,2.5": r"Label 'y' is 2\.5 in every training row\. Correct data\.label\.",
    "1.5,a,1": r"Label 'y' has one class only, '1'\. Allowed: two or more\. Give rows of other classes\.",
    "1.5,a,yes": r"Label 'y' has one class only, 'yes'\. Allowed: two or more\. Give rows of other classes\.",
    "1.5,a,": r"Label 'y' is null in 1 of 1 rows \(first in 't\.csv', line 2\)\. "
    r"Fill their labels, or set data\.label_nulls: drop, which leaves these rows out\.",
    "1.5,a,2.5\n1.5,a,3.5": r"No feature column is left\. Name others under features, or set features\.drop: false\.",
}


@pytest.mark.parametrize("rows", list(MESSAGES))
@pytest.mark.parametrize("features", [{}, {"numeric": {"columns": "x"}, "categorical": {"columns": "c"}}])
def test_a_table_without_rows_or_with_one(spark, tmp_path, rows, features):
    (tmp_path / "t.csv").write_text(f"x,c,y\n{rows}\n")
    store_spec = spec_for(tmp_path / "t.csv", numeric=(), fractions=ALL_IN_TRAIN, features=features)
    with pytest.raises(PipelineError, match=f"^{MESSAGES[rows]}$"):
        build(spark, store_spec, tmp_path / "r")


def test_two_rows_are_enough_for_every_transform(spark, tmp_path):
    columns = {f"n{i}": [1.0, 2.0] for i in range(len(NUMERIC))}
    columns |= {f"c{i}": ["a", None] for i in range(len(CATEGORICAL))}
    pd.DataFrame({**columns, "y": [1.5, 3.0]}).to_parquet(tmp_path / "t.parquet")
    numeric = [{"columns": [f"n{i}"], **group} for i, group in enumerate(NUMERIC)]
    categorical = [{"columns": [f"c{i}"], **group} for i, group in enumerate(CATEGORICAL)]
    store_spec = spec_for(
        tmp_path / "t.parquet",
        numeric=numeric,
        categorical=categorical,
        fractions=ALL_IN_TRAIN,
        features={"drop": False},
        target="power",
    )
    assert_complete(build(spark, store_spec, tmp_path / "r"), 2)


@pytest.mark.parametrize("binning", ["quantile", "uniform"])
def test_a_number_of_one_value_may_become_intervals(spark, tmp_path, binning):
    pd.DataFrame({"x": [2.5] * 40, "z": np.arange(40.0), "y": np.arange(40.0)}).to_parquet(tmp_path / "t.parquet")
    numeric = [{"columns": ["x"], "encoding": "bucketize", "bins": 3, "binning": binning}, {"columns": ["z"]}]
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=numeric, features={"drop": False}), tmp_path / "r")
    assert_complete(store, 40)
    (profile,) = (number for number in read_profile(store).numbers if number.name == "x")
    assert sum(profile.histogram.counts) == store.manifest.rows["train"]
    assert (profile.histogram.edges[0], profile.histogram.edges[-1]) == (2.5, 2.5)
