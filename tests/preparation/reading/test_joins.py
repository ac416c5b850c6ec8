"""Joins: rows of the left side with the columns of the right one, whatever the formats and whoever reads."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.config.joins import JoinConfig
from pipeline.config.load import parse_config
from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.joins import right_side
from pipeline.preparation.reading.joins.key_index import KeyIndex, key_texts
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import SourceTable
from pipeline.preparation.reading.scan import FrameScan
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

LEFT = pd.DataFrame({"id": [3, 1, 2, 1, 9, None], "y": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]})
RIGHT = pd.DataFrame({"id": [1, 2, 3, 4], "zip": ["00501", "NA", "x", "y"], "age": [30.0, None, 41.5, 7.0]})
WANTED = ("crm_age", "y", "crm_zip")


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        frame.astype({"id": "Int64"}).to_csv(path, index=False)
    elif path.suffix == ".json":
        frame.astype({"id": "Int64"}).to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


def joined(spark, left: Path, right: Path, **join) -> SourceTable:
    config = SourceConfig(path=str(left))
    joins = (JoinConfig(source={"path": str(right)}, **{"on": "id", "prefix": "crm_", **join}),)
    return open_table(spark, open_source(spark, config, storage_path("unused"), joins), config)


def rows_of(table: SourceTable, how: str = "left") -> list[tuple]:
    raw = table.read(WANTED)
    rows = [tuple(None if value is None else str(value) for value in row[:3]) for row in raw_rows(raw)]
    return sorted(rows, key=repr)


EXPECTED = sorted(
    [
        ("41.5", "0.5", "x"),
        ("30.0", "1.5", "00501"),
        (None, "2.5", None),
        ("30.0", "3.5", "00501"),
        (None, "4.5", None),
        (None, "5.5", None),
    ],
    key=repr,
)


@pytest.mark.spark
@pytest.mark.parametrize("by_spark", [False, True])
@pytest.mark.parametrize("right", ["csv", "parquet", "json"])
@pytest.mark.parametrize("left", ["csv", "parquet", "json"])
def test_rows_of_every_pair_of_formats(spark, tmp_path, left, right, by_spark):
    right_frame = RIGHT if right == "csv" or left == "csv" else RIGHT.replace({"zip": {"NA": None}})
    left_file, right_file = write(LEFT, tmp_path / f"l.{left}"), write(right_frame, tmp_path / f"r.{right}")
    with read_by_spark() if by_spark else nullcontext():
        table = joined(spark, left_file, right_file)
        rows = rows_of(table)
    # Where the left side is text that is typed later, so is the right one; and null markers are CSV's.
    assert [tuple(value and value.removesuffix(".0") for value in row) for row in rows if row[1] != "2.5"] == [
        tuple(value and value.removesuffix(".0") for value in row) for row in EXPECTED if row[1] != "2.5"
    ]
    types = {name: reading.type for name, reading in column_types(table, {}).items()}
    assert (types["crm_age"], types["crm_zip"]) == ("number", "text")


@pytest.mark.spark
def test_an_inner_join_leaves_rows_out_and_counts_them(spark, tmp_path, caplog):
    table = joined(spark, write(LEFT, tmp_path / "l.csv"), write(RIGHT, tmp_path / "r.parquet"), how="inner")
    assert len(rows_of(table)) == 4
    with caplog.at_level(logging.INFO):
        for check in table.checks:
            check()
    assert "on id: 4 of 6 rows match (66.7 %); 2 match none and are left out, such as id '9', id null." in caplog.text


@pytest.mark.spark
def test_malformed_lines_of_the_left_side_stay(spark, tmp_path):
    (tmp_path / "l.csv").write_text("id,y\n1,2\n7\n8,3\n")
    table = joined(spark, tmp_path / "l.csv", write(RIGHT, tmp_path / "r.csv"), how="inner")
    assert raw_rows(table.read(["y", "crm_age"])) == [("2", "30.0", None), (None, None, "7")]


@pytest.mark.spark
def test_keys_of_several_columns_and_joins_of_joins(spark, tmp_path):
    (tmp_path / "l.csv").write_text("a,b,y\n1,x,1\n1,z,2\n2,x,3\n,x,4\n")
    (tmp_path / "r.csv").write_text("b,a,region\nx,1,north\nx,2,south\nz,1,\n")
    (tmp_path / "s.csv").write_text("region,rain\nnorth,0.5\nsouth,1.5\n")
    config = SourceConfig(path=str(tmp_path / "l.csv"))
    joins = (
        JoinConfig(source={"path": str(tmp_path / "r.csv")}, on=["a", "b"]),
        JoinConfig(source={"path": str(tmp_path / "s.csv")}, on=["region"]),
    )
    table = open_table(spark, open_source(spark, config, storage_path("unused"), joins), config)
    assert table.names == ("a", "b", "y", "region", "rain")
    rows = sorted(row[:2] for row in raw_rows(table.read(["y", "rain"])))
    assert rows == [("1", "0.5"), ("2", None), ("3", "1.5"), ("4", None)]


@pytest.mark.spark
@pytest.mark.parametrize(
    ("left", "right", "join", "message"),
    [
        (
            "id,y\n1,2\n",
            "id,z\n1,2\n1,3\n5,5\n",
            {},
            r"r\.csv' \(data\.joins\) has 1 row whose key another row has: id '1'\.",
        ),
        (
            "id,y\n1,2\n",
            "id,z\n1\n",
            {},
            r"\(data\.joins\) has 1 malformed line, such as '1'\. Correct it: a join sets no",
        ),
        (
            "id,y\n1,2\n",
            "ID,z\n1,2\n",
            {},
            r"Column 'id' of 'on' is not once in '.*r\.csv' \(data\.joins\)\. Known",
        ),
        ("key,y\n1,2\n", "id,z\n1,2\n", {}, r"Column 'id' of 'on' is not once in the left side\. Known: key, y"),
        (
            "id,y\n1,2\n",
            "id,y\n1,2\n",
            {"prefix": ""},
            r"Column 'y' of .* would have the name of column 'y' of the left",
        ),
        (
            "id,y\n007,2\n",
            "id,z\n7,2\n",
            {},
            r"No row matches .* on id\. The left side has id '007'; the right side has id '7'",
        ),
    ],
)
def test_what_cannot_be_joined(spark, tmp_path, left, right, join, message):
    (tmp_path / "l.csv").write_text(left)
    (tmp_path / "r.csv").write_text(right)
    with pytest.raises(DataError, match=message):
        table = joined(spark, tmp_path / "l.csv", tmp_path / "r.csv", **join)
        for check in table.checks:
            check()


@pytest.mark.spark
def test_values_of_another_type(spark, tmp_path):
    left = write(LEFT, tmp_path / "l.parquet")
    lines = [f"{i},{i}" for i in range(200)]
    (tmp_path / "r.csv").write_text("\n".join(["id,n", *lines, "900,oops"]))
    table = joined(spark, left, tmp_path / "r.csv")
    with pytest.raises(DataError, match=r"'crm_n' of .* holds numbers, but 1 value cannot be read as one, such as"):
        table.read(["crm_n"])


@pytest.mark.spark
@pytest.mark.parametrize(("left", "right"), [("csv", "csv"), ("csv", "parquet"), ("parquet", "csv")])
def test_a_large_right_side_is_joined_by_spark(spark, tmp_path, monkeypatch, caplog, left, right):
    files = write(LEFT, tmp_path / f"l.{left}"), write(RIGHT, tmp_path / f"r.{right}")
    expected = {how: rows_of(joined(spark, *files, how=how)) for how in ("left", "inner")}
    monkeypatch.setattr(right_side, "MOST_BYTES", 10)
    for how, rows in expected.items():
        table = joined(spark, *files, how=how)
        assert isinstance(table.read(WANTED).scan, FrameScan)
        assert rows_of(table) == rows
        with caplog.at_level(logging.INFO):
            for check in table.checks:
                check()
    assert "on id: 4 of 6 rows match (66.7 %); 2 match none and are left out, such as id" in caplog.text
    with (tmp_path / f"r.{right}").open("a") if right == "csv" else nullcontext() as file:
        if file is not None:
            file.write("4,a,1\n")
            file.close()
            with pytest.raises(DataError, match=r"has 1 row whose key another row has: id '4'\."):
                joined(spark, *files).checks[0]()


def test_settings_of_a_join():
    with pytest.raises(ValidationError, match="on needs distinct columns; received a, a"):
        JoinConfig(source={"sample": "iris"}, on=["a", "a"])
    with pytest.raises(ValidationError, match="at least 1 item"):
        JoinConfig(source={"sample": "iris"}, on=[])


def test_an_index_finds_what_a_dictionary_finds():
    draw = np.random.default_rng(0)
    keys = [tuple(row) for row in draw.choice(400, (300, 2)).tolist()]
    distinct = list(dict.fromkeys(keys))
    columns = [pa.array([key[i] for key in distinct]) for i in range(2)]
    index = KeyIndex.of(key_texts(columns))
    assert not len(index.repeated())
    asked = draw.choice(400, (5000, 2)).tolist()
    rows, found = index.find(
        key_texts([pa.array([float(key[0]) for key in asked]), pa.array([key[1] for key in asked])])
    )
    numbers = {key: i for i, key in enumerate(distinct)}
    assert found.tolist() == [tuple(key) in numbers for key in asked]
    assert [row for row, there in zip(rows.tolist(), found, strict=True) if there] == [
        numbers[tuple(key)] for key in asked if tuple(key) in numbers
    ]
    repeated = KeyIndex.of(key_texts([pa.array(["a", None, "b", "a", None, "a"])]))
    assert repeated.repeated().tolist() == [3, 5]


def test_keys_that_share_a_hash_are_told_apart(monkeypatch):
    from pipeline.preparation.reading.joins import key_index

    hash_of = key_index.hash_of
    monkeypatch.setattr(
        key_index, "hash_of", lambda columns: hash_of(columns) & (0 if columns[0][0].as_py() < 2 else -1)
    )
    index = KeyIndex.of([pa.array(["a", "b", "c"])])
    assert index.salt == 2
    assert index.find([pa.array(["c", "d"])])[1].tolist() == [True, False]


def test_the_place_of_a_right_side_is_no_part_of_a_store_and_its_settings_are():
    def fingerprint(**join: object) -> str:
        content = {"source": {"path": "r.csv"}, "on": ["id"], **join}
        data = {"source": {"path": "l.csv"}, "label": "y", "joins": content}
        return StoreSpec.of(
            parse_config({"name": "n", "data": data, "features": {"numeric": {"columns": ["x"]}}})
        ).fingerprint

    assert fingerprint() == fingerprint(source={"path": "elsewhere/r.csv"})
    others = [
        fingerprint(how="inner"),
        fingerprint(prefix="p_"),
        fingerprint(source={"path": "r.csv", "separator": ";"}),
    ]
    assert len({fingerprint(), *others}) == 4
