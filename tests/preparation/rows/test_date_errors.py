"""Texts of date columns that are not dates: bad rows, whatever the format; empty ones are missing."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.errors import DataError
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ODD = ["notadate", "2010-13-45", "2010-02-30T00:00:00.000", "20101", None, ""]
DAYS = [*(f"2014-09-{1 + i % 30:02d}T00:00:00.000" for i in range(60)), *ODD]
REASON = "column 'day' is not a date"


def written(folder, kind: str):
    frame = pd.DataFrame({"day": DAYS, "x": range(len(DAYS)), "y": [i % 7 for i in range(len(DAYS))]})
    path = folder / f"t.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "json":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_texts_that_are_not_dates_are_bad_rows(spark, tmp_path, kind):
    path = written(tmp_path, kind)
    features = {"dates": {"columns": ["day"], "parts": ["year", "day"]}}
    settings = {"numeric": ["x"], "features": features, "source": {"format": kind}}
    with pytest.raises(DataError) as raised:
        build(spark, spec_for(path, **settings), tmp_path / "r")
    first = {"csv": "'t.csv', line 62", "json": "'t.json', line 61", "parquet": "'t.parquet'"}[kind]
    expected = f"Column 'day' is not a date in 4 of 66 rows (first in {first}). Allowed: 2024-03-01, 20240301, "
    assert str(raised.value).startswith(expected)
    shown = "2010-02-30T00:00:00.000" if kind == "parquet" else ODD[0]
    assert f"Received: '{shown}'. Repair the data" in str(raised.value)

    store = build(spark, spec_for(path, **settings, bad_rows={"budget": 4}), tmp_path / "r")

    assert store.manifest.reasons == {REASON: 4}
    lines = pd.read_parquet(f"{store.path.path}/quarantine").line
    assert sorted(text for text in ODD[:4] if lines.str.contains(f'"{text}"').any()) == sorted(ODD[:4])
    assert len(rows_of(store)) == 62


def test_derived_columns_that_say_what_null_becomes_keep_their_say(spark, tmp_path):
    path = written(tmp_path, "csv")
    guarded = {"guarded": "coalesce(year(day), 0)", "known": "CASE WHEN to_date(day) IS NULL THEN 0 ELSE 1 END"}
    plain = {"month_": "month(substring(day, 1, 10))"}
    stores = []
    for number, derived in enumerate((guarded, plain)):
        features = {
            "derived": [{"name": name, "expression": text} for name, text in derived.items()],
            "drop": False,
        }
        store_spec = spec_for(path, numeric=["x", *derived], features=features, bad_rows={"budget": 4})
        stores.append(build(spark, store_spec, tmp_path / f"r{number}"))

    assert [store.manifest.reasons for store in stores] == [
        {},
        {"column 'month_' reads a text that is not a date": 4},
    ]


def test_a_column_of_dates_without_any_value_is_named_with_its_source(spark, tmp_path, caplog):
    pd.DataFrame({"day": None, "x": range(60), "y": [i % 7 for i in range(60)]}).to_csv(tmp_path / "t.csv", index=False)
    store_spec = spec_for(tmp_path / "t.csv", numeric=["x"], features={"dates": {"columns": ["day"]}})
    with pytest.raises(DataError, match="Column 'day_year', made of 'day', has no number in any training row"):
        build(spark, store_spec, tmp_path / "r")
    assert "equals" not in caplog.text
