"""Divisions by strata and by time, from the configuration to the store."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.config.load import parse_config
from pipeline.errors import ConfigError, DataError
from tests.support.store_specs import build, rows_of, spec_for

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def frame(rows: int = 120) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d")
    return pd.DataFrame(
        {"x": range(rows), "c": ["a", "b"] * (rows // 2), "day": days, "y": [i % 7 for i in range(rows)]}
    )


@pytest.mark.spark
def test_a_stratum_that_is_too_small_is_named(spark, tmp_path):
    table = frame()
    table.loc[5, "c"] = "rare"
    table.to_csv(tmp_path / "t.csv", index=False)
    split = {"method": "stratified", "by": ["c"], "fractions": FRACTIONS}
    store_spec = spec_for(tmp_path / "t.csv", numeric=["x"], split=split)
    with pytest.raises(DataError, match=r"Stratum c = 'rare' has 1 rows, and none in "):
        build(spark, store_spec, tmp_path / "r")


@pytest.mark.spark
def test_by_time_the_later_rows_are_tested(spark, tmp_path):
    frame().to_csv(tmp_path / "t.csv", index=False)
    split = {"method": "time", "validation_from": "2024-03-01", "test_from": "2024-04-01"}
    store_spec = spec_for(tmp_path / "t.csv", numeric=[{"columns": ["x"], "scale": "none"}], split=split, time="day")
    rows = rows_of(build(spark, store_spec, tmp_path / "r"))
    assert set(rows.x[rows.split == "train"]) == set(range(60))
    assert set(rows.x[rows.split == "validation"]) == set(range(60, 91))
    assert set(rows.x[rows.split == "test"]) == set(range(91, 120))


def test_a_division_by_time_needs_a_time():
    content = {"name": "n", "data": {"source": {"path": "t.csv"}, "label": "y"}, "split": {"method": "time"}}
    with pytest.raises(ConfigError, match=r"method: time needs data\.time; name its column there"):
        parse_config(content)
