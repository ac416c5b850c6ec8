"""Files as the world has them, one of each kind, read as a run with automatic features reads them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.store.store import Store
from pipeline.store.table import read_table
from tests.support.store_specs import build, spec_for

pytestmark = pytest.mark.spark

ROWS = 600


def write(folder: Path, header: str, line: Any, rows: int = ROWS, name: str = "t.csv") -> Path:
    """A file of lines, each of which is made of its number; numbers from 0 on would be those of rows."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(line(i) for i in range(rows)), ""]), newline="")
    return path


def prepared(spark, path: Path, **settings: Any) -> Store:
    return build(spark, spec_for(path, **settings), path.parent / "r")


def type_of(store: Store, name: str) -> str:
    table = read_table(store)
    assert table is not None
    return table.columns[name].type


def message_of(spark, path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as raised:
        prepared(spark, path, **settings)
    return str(raised.value)


def test_zip_codes_keep_their_zeros_and_it_is_said(spark, tmp_path, caplog):
    path = write(tmp_path, "zip,x,y", lambda i: f"{('00501', '02134', '10001')[i % 3]},{i / 7:.3f},{i % 2}")
    with caplog.at_level(logging.INFO):
        store = prepared(spark, path)
    assert [{*f.vocabulary} for f in store.features.categorical] == [{"00501", "02134", "10001"}]
    assert "Column 'zip' is text: leading zeros, as in '00501', would be lost in numbers" in caplog.text


@pytest.mark.parametrize("task", ["auto", "multiclass"])
def test_classes_are_answered_as_they_are_written(spark, tmp_path, task):
    path = write(tmp_path, "x,y", lambda i: f"{i / 7:.3f},{('01', '02', '10')[i % 3]}")
    store = prepared(spark, path, task=task)
    assert store.features.label.classes == ("01", "02", "10")
    assert sum(store.features.label.counts) == store.manifest.splits["train"].rows
    assert type_of(store, "y") == "text"


def test_classes_of_texts_and_numbers_stay_apart(spark, tmp_path, caplog):
    path = write(tmp_path, "x,y", lambda i: f"{i / 7:.3f},{('1.5', '1.50', '2', 'a')[i % 4]}")
    store = prepared(spark, path, task="multiclass")
    assert store.features.label.classes == ("1.5", "1.50", "2", "a")
    assert "classes that are one number written in several ways: '1.5', '1.50'" in caplog.text


def test_classes_that_all_are_numbers_are_one_in_whatever_way_they_are_written(spark, tmp_path, caplog):
    path = write(tmp_path, "x,y", lambda i: f"{i / 7:.3f},{('1.0', '0', '1')[i % 3]}")
    store = prepared(spark, path)
    assert (store.features.label.task, store.features.label.classes) == ("binary", ("0", "1"))
    assert "a number written in several ways: '1', '1.0'. It is class '1'" in caplog.text


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_folders_keep_the_spelling_of_their_values(spark, tmp_path, kind):
    for zone in ("01", "1", "2"):
        folder = tmp_path / "t" / f"zone={zone}"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"x": [i / 7 for i in range(200)], "y": [i % 2 for i in range(200)]})
        frame.to_parquet(folder / "a.parquet") if kind == "parquet" else frame.to_csv(folder / "a.csv", index=False)
    store = prepared(spark, tmp_path / "t")
    assert [sorted(f.vocabulary) for f in store.features.categorical] == [["01", "1", "2"]]


@pytest.mark.parametrize("marker", ["N/A", "-", "null", "None", "NaN", "#N/A", "?"])
def test_usual_null_markers_among_numbers_are_null(spark, tmp_path, caplog, marker):
    path = write(tmp_path, "v,x,y", lambda i: f"{marker if i % 27 == 3 else i / 7:},{i + 5},{i % 2}")
    with caplog.at_level(logging.INFO):
        store = prepared(spark, path)
    assert [f.name for f in store.features.numeric] == ["v", "x"]
    assert store.features.readings["v"].nulls == (marker,)
    table = read_table(store)
    assert table is not None and table.columns["v"].seen is not None and table.columns["v"].seen.nulls == 23
    said = f"Column 'v' holds numbers: 577 of 600 values are numbers; 23 values are null, written as '{marker}'"
    assert said in caplog.text


@pytest.mark.parametrize(
    ("write_value", "low", "high"),
    [
        (lambda i: f"{1000 + 1.5 * i:,.2f}", 1000.0, 1898.5),
        (lambda i: f"${1000 + 1.5 * i:,.2f}", 1000.0, 1898.5),
        (lambda i: f"{i % 100}%", 0.0, 99.0),
        (lambda i: f"{i / 8:.3f}".replace(".", ","), 0.0, 74.875),
        (lambda i: f"{1000 + 1.5 * i:,.2f} €".translate({44: ".", 46: ","}), 1000.0, 1898.5),
        (lambda i: f"({i})" if i % 2 else f"{10_000 * i:,}", -599.0, 5_980_000.0),
    ],
)
def test_formatted_numbers_are_numbers(spark, tmp_path, write_value, low, high):
    path = write(tmp_path, "v;x;y", lambda i: f"{write_value(i)};{i};{i % 2}")
    store = prepared(spark, path, source={"separator": ";"})
    table = read_table(store)
    assert table is not None and table.columns["v"].seen is not None
    assert (table.columns["v"].type, table.columns["v"].seen.min, table.columns["v"].seen.max) == ("number", low, high)


def test_a_later_run_reads_by_the_contract(spark, tmp_path):
    def line(i: int) -> str:
        price = "null" if i % 9 == 0 else f"{1000 + 1.5 * i:,.2f} €".translate({44: ".", 46: ","})
        return f"{price};{1 + i % 28:02d}/{1 + i % 12:02d}/2024;{i % 2}"

    path = write(tmp_path, "v;d;y", line)
    first = prepared(spark, path, source={"separator": ";"})
    contract = str(keep(first, tmp_path))
    path.write_text(path.read_text() + "null;13/01/2024;1\n")
    settings = {"source": {"separator": ";"}, "contract": contract}
    again = build(spark, spec_for(path, **settings), tmp_path / "again")
    assert again.features.readings == first.features.readings != {}
    assert again.features.readings["v"].symbol == "€" and again.features.readings["d"].date == "d/M/yyyy"
    path.write_text(path.read_text() + "1.5;yesterday;1\n")
    with pytest.raises(DataError, match=r"(?s)'v' is not a number in 1 row.*'d' is not a date in 1 of 602"):
        build(spark, spec_for(path, **settings), tmp_path / "bad")


def test_signs_are_configured_for_columns_that_are_called_numbers(spark, tmp_path):
    path = write(tmp_path, "v,y", lambda i: f'"{1000 + i:,}",{i % 2}')
    received = "Received: '1,000'. Repair the data, set data.source.decimal and thousands, list the text"
    assert received in message_of(spark, path, numeric=["v"])
    store = prepared(spark, path, numeric=["v"], source={"thousands": ","})
    assert store.features.numeric[0].center == pytest.approx(1299.5, abs=30)


def test_a_label_with_thousands_is_a_number_or_one_sentence(spark, tmp_path):
    path = write(tmp_path, "x;y", lambda i: f"{i + 5};{2001.05 + 7 * i:,.2f}")
    store = prepared(spark, path, source={"separator": ";"})
    assert store.features.label.task == "regression"
    message = message_of(spark, path, source={"separator": ";"}, numeric=["x"])
    assert message == (
        "Label 'y' has 600 different values in 600 rows, such as '2,001.05', '2,008.05', '2,015.05', '2,022.05', "
        "'2,029.05': too many for classes. If they are numbers, set data.source.thousands and decimal, such as "
        "thousands: ',' for 2,001.05."
    )


def test_a_label_that_is_no_number_is_located_and_quarantined(spark, tmp_path):
    path = write(tmp_path, "x,y", lambda i: f"{i + 5},{'oops' if i == 7 else i / 7:}")
    message = message_of(spark, path, task="regression")
    assert message.startswith(
        "Label 'y' is not a number in 1 of 600 rows (first in 't.csv', line 9). Received: 'oops'."
    )
    store = prepared(spark, path, task="regression", bad_rows={"budget": 1})
    assert store.manifest.reasons == {"column 'y' is not a number": 1}


@pytest.mark.parametrize(
    ("write_date", "layout"),
    [
        (lambda i: f"{1 + i % 28:02d}/{1 + i % 12:02d}/2024", "d/M/yyyy"),
        (lambda i: f"{1 + i % 12}/{1 + i % 28}/2024", "M/d/yyyy"),
    ],
)
def test_day_first_and_month_first_dates_are_recognised(spark, tmp_path, caplog, write_date, layout):
    path = write(tmp_path, "d,x,y", lambda i: f"{write_date(i)},{i + 5},{i % 2}")
    with caplog.at_level(logging.INFO):
        store = prepared(spark, path)
    assert [f.name for f in store.features.numeric] == ["x", "d_month", "d_weekday"]
    assert f"({layout}), such as " in caplog.text and "no value contradicts that" in caplog.text
    month = next(f for f in store.features.numeric if f.name == "d_month")
    assert month.center == pytest.approx(6.5, abs=0.5)


def test_dates_that_may_be_either_stay_texts(spark, tmp_path, caplog):
    path = write(tmp_path, "d,x,y", lambda i: f"{1 + i % 12:02d}/{1 + i % 11:02d}/2024,{i + 5},{i % 2}")
    with caplog.at_level(logging.INFO):
        store = prepared(spark, path)
    assert [f.name for f in store.features.categorical] == ["d"]
    assert "are ambiguous, since day and month cannot be told apart" in caplog.text


def test_a_configured_layout_is_read_and_its_bad_dates_are_named(spark, tmp_path):
    path = write(tmp_path, "d,x,y", lambda i: f"{'30/02/2023' if i == 5 else f'0{1 + i % 9}.03.2024'},{i + 5},{i % 2}")
    dates = {"dates": [{"columns": ["d"], "format": "dd.MM.yyyy", "parts": ["day"]}]}
    message = message_of(spark, path, features=dates)
    assert message.startswith(
        "Column 'd' is not a date in 1 of 600 rows (first in 't.csv', line 7). Allowed: dd.MM.yyyy, or 2024-03-01, "
    )
    assert "Received: '30/02/2023'. Repair the data, set format (such as dd/MM/yyyy) in features.dates" in message


def test_times_with_zones_are_times(spark, tmp_path):
    path = write(tmp_path, "d,x,y", lambda i: f"2024-0{1 + i % 9}-28T23:30:00{('Z', '-02:00')[i % 2]},{i + 5},{i % 2}")
    store = prepared(spark, path)
    assert type_of(store, "d") == "timestamp"
    again = build(spark, spec_for(path, contract=str(keep(store, tmp_path))), tmp_path / "again")
    assert [f.name for f in again.features.numeric] == ["x", "d_month", "d_weekday"]


def keep(store: Store, folder: Path) -> Path:
    """The contract that the store's run would have written."""
    from pipeline.store.filesystem import storage_path
    from pipeline.store.table import keep_contract

    table = read_table(store)
    assert table is not None
    keep_contract(storage_path(str(folder / "contract.yaml")), table, name="test")
    return folder / "contract.yaml"


def test_rs_row_names_need_evidence_of_many_lines(spark, tmp_path, caplog):
    numbered = write(tmp_path / "a", "a,b,y", lambda i: f'"r{i}",{i + 5},{i / 7:.3f},{i % 2}')
    with caplog.at_level(logging.INFO):
        store = prepared(spark, numbered)
    assert [f.name for f in store.features.numeric] == ["a", "b"]
    assert "R's row names, which are left out" in caplog.text

    commas = write(tmp_path / "b", "price,rooms,y", lambda i: f"1,{100 + i},3,12.34")
    assert message_of(spark, commas).startswith("600 lines are malformed (first in 't.csv', line 2).")

    first_odd = write(
        tmp_path / "c", "t,x,y", lambda i: f'"a \\"b\\", c",{i},0' if i == 0 else f"t{i % 3},{i + 5},{i % 2}"
    )
    message = message_of(spark, first_odd)
    assert message.startswith("1 line is malformed (first in 't.csv', line 2).")
    assert "set data.source.escape: '\\' where a backslash stands before quotes" in message


def test_a_byte_that_is_no_text_is_named_wherever_it_is(spark, tmp_path):
    path = write(tmp_path, "t,x,y", lambda i: f"abc,{i + 5},{i % 2}", rows=120_000)
    path.write_bytes(path.read_bytes() + b"caf\xe9,1,1\n")
    message = message_of(spark, path)
    assert message.startswith("1 line is malformed (first in 't.csv', line 120,002).")
    assert "(byte 4 of the line is no text)" in message


def test_halves_of_a_line_are_bad(spark, tmp_path):
    path = write(tmp_path, "x,y,t", lambda i: f'{i},{i % 2},"broken\nhalf"' if i == 9 else f'{i},{i % 2},"t{i % 3}"')
    store = prepared(spark, path, bad_rows={"budget": 2})
    assert store.manifest.reasons == {"malformed line": 2}
    assert sorted(store.features.categorical[0].vocabulary) == ["t0", "t1", "t2"]


def test_a_quote_that_is_never_closed_counts_as_all_lines_that_it_swallows(spark, tmp_path):
    path = write(tmp_path, "x,y,t", lambda i: f'{i},{i % 2},"open' if i == 300 else f"{i},{i % 2},t{i % 3}")
    message = message_of(spark, path, source={"multiline": True})
    assert message.startswith("300 lines are malformed (first in 't.csv', line 302).")


@pytest.mark.parametrize(
    ("header", "line", "settings", "expected"),
    [
        ("t;x;y", lambda i: f"a;{i};{i % 2}", {"numeric": ["x"]}, "Set data.source.separator: ';'."),
        (
            "t,x,y",
            lambda i: f"a,{i + 5},{i % 2},",
            {},
            "remove the separator at the end of the lines",
        ),
        (
            "d,x,y",
            lambda i: f"25/12/{1900 + i},{i + 5},{i % 2}",
            {"numeric": ["x"], "time": "d", "split": {"method": "time"}},
            "Received: '25/12/1900'. Repair these rows (dates begin with the year), or correct data.time.",
        ),
        (
            "v,x,y",
            lambda i: f"{'NaN' if i % 9 == 0 else i},{i + 5},{i % 2}",
            {"numeric": ["v", "x"]},
            "Repair them, set not_finite: null for this column, or list the text in data.source.null_values.",
        ),
    ],
)
def test_messages_name_the_cause_and_the_remedy(spark, tmp_path, header, line, settings, expected):
    assert expected in message_of(spark, write(tmp_path, header, line), **settings)
