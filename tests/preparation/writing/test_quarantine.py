"""Rows that cannot be used: set aside with their reasons within the budget, else named before anything is written."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.schemas.source_contract import ColumnTerms, KeptContract, SourceContract
from tests.support.readers import read_by_spark
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

GOOD = [f"{i},{i}.5,2020-01-01,c{i % 2},{i % 7}" for i in range(60)]
BAD = {
    "1,1,2020-01-01,c0": "malformed line",
    "1,1,2020-01-01,c0,5,6": "malformed line",
    '1,1,2020-01-01,"c0,5': "malformed line",
    '1,1,2020-01-01,"c': "malformed line",
    '0",5': "malformed line",
    "many,1,2020-01-01,c0,5": "column 'n' is not a number",
    "1.5,1,2020-01-01,c0,5": "column 'n' is not an integer",
    "99999999999999999999,1,2020-01-01,c0,5": "column 'n' is not an integer",
    "1,1e999,2020-01-01,c0,5": "column 'x' is NaN or infinite",
    ",1,2020-01-01,c0,5": "column 'n' is null",
    "-1,1,2020-01-01,c0,5": "column 'n' is below 0",
    "1,1,2020-02-30,c0,5": "column 'd' is not a date",
    "1,-9,2020-01-01,,": "no label; column 'x' is below -5",
    "1,1,2020-01-01,C0,5": "column 'c' has another value",
    "1,1,202": "malformed line",
}
TERMS = {
    "n": ColumnTerms(type="integer", nullable=False, min=0),
    "x": ColumnTerms(type="number", min=-5),
    "d": ColumnTerms(type="date"),
    "c": ColumnTerms(type="text", allowed=("c0", "c1")),
    "y": ColumnTerms(type="number", nullable=False),
}
CONTRACT = KeptContract(SourceContract(columns=TERMS), "people.yaml")


def store_spec(path, budget: float):
    features = {"dates": {"columns": ["d"]}}
    found = spec_for(path, numeric=["n", "x"], categorical=["c"], features=features, bad_rows={"budget": budget})
    return replace(found, contract=CONTRACT)


def test_broken_rows_are_set_aside_with_their_reasons(spark, tmp_path, caplog, capfd):
    # The last line is cut off, and so has no end.
    (tmp_path / "t.csv").write_text("\n".join(["n,x,d,c,y", *GOOD, *BAD]))
    with pytest.raises(DataError) as raised:
        build(spark, store_spec(tmp_path / "t.csv", len(BAD) - 1), tmp_path / "r")
    malformed = 2 + len(GOOD) + list(BAD.values()).index("malformed line")
    first, *lines = str(raised.value).split("\n")
    assert first == "The data does not meet the configuration (11 problems):"
    assert lines[0].startswith(
        f"  - 6 lines are malformed (first in 't.csv', line {malformed}). Allowed: valid text of "
    )
    assert lines[-1] == (
        "  - 15 rows cannot be used. Allowed: 14. Received: 15. Repair the data, or raise data.bad_rows.budget."
    )
    line = 2 + len(GOOD) + list(BAD.values()).index("column 'n' is not an integer")
    expected = f"Column 'n' is not an integer in 2 of 75 rows (first in 't.csv', line {line}). "
    expected += "Allowed: a whole number of at most 64 bits. "
    expected += "Received: '1.5'."
    assert f"  - {expected} Repair the data, or edit the contract." in lines
    assert not (tmp_path / "r" / "stores").exists()

    store = build(spark, store_spec(tmp_path / "t.csv", 0.2), tmp_path / "r")
    place = f"{store.path.path}/quarantine"
    found = pd.read_parquet(place)
    by_line = dict(zip(found.line, found.reason, strict=True))
    assert sorted(found.reason) == sorted(BAD.values())
    assert set(found.file) == {"t.csv"}
    at = 2 + len(GOOD)
    assert {number: BAD[line] for number, line in enumerate(BAD, at)} == dict(
        zip(found.line_number, found.reason, strict=True)
    )
    assert {line for line, reason in by_line.items() if reason == "malformed line"} == {
        line for line, reason in BAD.items() if reason == "malformed line"
    }
    assert by_line['{"n":"1","x":"-9","c":null,"d":"2020-01-01","y":null}'] == "no label; column 'x' is below -5"
    assert store.manifest.rows["quarantined"] == len(BAD)
    assert store.manifest.reasons == found.reason.value_counts().to_dict()
    assert next(iter(store.manifest.reasons)) == "malformed line"
    assert len(rows_of(store)) == len(GOOD)
    warned = next(record.getMessage() for record in caplog.records if "quarantined" in record.getMessage())
    assert warned.startswith(
        f"15 of 75 rows cannot be used and were quarantined, with the reason and the line, in {place}:"
    )
    assert "\n  6  malformed line\n  2  column 'n' is not an integer\n" in warned
    assert "Failed to compile" not in capfd.readouterr().err


@pytest.mark.parametrize("by_spark", [False, True])
@pytest.mark.parametrize("before", [0, 1 << 20])
def test_bytes_that_are_no_text_are_quarantined_wherever_they_are(spark, tmp_path, before, by_spark):
    filler = b"1,house,%s,2\n" % (b"a" * 9986)
    rows = [b"%d,house,a,%d\n" % (i, i % 7) for i in range(60)]
    lines = [b"n,c,d,y\n", *[filler] * (before // len(filler) + 1), *rows, b"2,Town\xffhouse,a,3\n"]
    (tmp_path / "t.csv").write_bytes(b"".join(lines))
    with read_by_spark() if by_spark else nullcontext():
        spec = spec_for(tmp_path / "t.csv", numeric=["n"], categorical=["c"], bad_rows={"budget": 50})
        store = build(spark, spec, tmp_path / "r")
    assert store.manifest.reasons == {"malformed line": 1}
    row = pd.read_parquet(f"{store.path.path}/quarantine").iloc[0]
    assert row.line == "2,Town\ufffdhouse,a,3"
    assert by_spark or (row.file, row.line_number) == ("t.csv", len(lines))


def test_a_row_of_which_nothing_tells_where_it_belongs_is_set_aside(spark, tmp_path):
    days = [f"{i},2020-01-{1 + i % 28:02d},{i % 7}" for i in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["n,day,y", *days, "1,soon,2", "2,,3", ""]))
    split = {"method": "time", "validation_from": "2020-01-20", "test_from": "2020-01-25"}
    data = {"time": "day", "bad_rows": {"budget": 2}}
    store = build(spark, spec_for(tmp_path / "t.csv", numeric=["n"], split=split, **data), tmp_path / "r")
    assert store.manifest.rows["quarantined"] == 2
    assert store.manifest.reasons == {
        "column 'day' (data.time) is missing": 1,
        "column 'day' (data.time) is no time": 1,
    }
    assert sum(store.manifest.rows.values()) == 202


def test_malformed_json_is_named_with_its_file(spark, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for part in range(2):
        lines = [f'{{"x": {i}, "y": {i % 7}}}' for i in range(60)]
        (folder / f"{part}.json").write_text("\n".join([*lines, *(['{"x": 1,'] if part else []), ""]))
    with pytest.raises(DataError) as raised:
        build(spark, spec_for(folder, numeric=["x"]), tmp_path / "r")
    assert str(raised.value) == (
        "1 line is malformed (first in '1.json', line 61). Allowed: one JSON object. "
        "Received: '{\"x\": 1,'. Repair them, or allow some in data.bad_rows."
    )
    store = build(spark, spec_for(folder, numeric=["x"], bad_rows={"budget": 1}), tmp_path / "r")
    assert pd.read_parquet(f"{store.path.path}/quarantine").file.tolist() == ["1.json"]
