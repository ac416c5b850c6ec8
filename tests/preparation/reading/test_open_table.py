"""Sources of every format give the rows that are in them, under any names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.column_checks import check_names
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import RawTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark

ODD_NAMES = ["a.b", "c d", "größe", "back`tick", "x,y", 'quo"te', "select", "p=q"]


def read(spark, path: Path, wanted: list[str], **source) -> RawTable:
    config = SourceConfig(path=str(path), **source)
    found = open_source(spark, config, storage_path(str(path.parent / "root")))
    table = open_table(spark, found, config).knowing(wanted)
    check_names(table.names, wanted)
    return table.read(wanted)


def values(raw: RawTable) -> list[tuple]:
    return sorted((row[: len(raw.names)] for row in raw_rows(raw)), key=str)


def malformed(raw: RawTable) -> list[str]:
    return [row[-1] for row in raw_rows(raw) if row[-1] is not None]


def test_csv_quotes_and_column_order(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('x,"na, me",z\n1,"a, ""b""",ü\n2,,NA\n\n3, c ,""\n', encoding="utf-8")
    config = SourceConfig(path=str(path))
    source = open_source(spark, config, storage_path(str(tmp_path / "root")))
    table = open_table(spark, source, config).knowing(["na, me", "x"])
    raw = table.read(["na, me", "x"])
    assert values(raw) == sorted([('a, "b"', "1"), (None, "2"), (" c ", "3")], key=str)
    assert (raw.columns.markers, table.names) == (("NA", ""), ("x", "na, me", "z"))


def test_csv_separator_byte_order_mark_and_compression(spark, tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("\ufeffx;y\r\n1;2\r\n3;4\r\n".encode()))
    assert values(read(spark, path, ["x", "y"], separator=";")) == [("1", "2"), ("3", "4")]


def test_lines_with_too_few_or_too_many_fields_are_kept_apart(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y,z\n1,2,3\n4,5\n6,7,8,9\n")
    assert malformed(read(spark, path, ["x"])) == ["4,5", "6,7,8,9"]


def test_a_quoted_line_break_is_malformed_unless_multiline(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('x,y\n1,"a\nb"\n2,c\n')
    assert malformed(read(spark, path, ["y"])) == ['1,"a', 'b"']
    assert values(read(spark, path, ["y"], multiline=True)) == [("a\nb",), ("c",)]


def test_row_numbers_of_r_are_skipped(spark, tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text('"x"\t"y"\n"1"\t10\t"a"\n"2"\t20\t"b"\n')
    raw = read(spark, path, ["y", "x"])
    assert values(raw) == [("a", "10"), ("b", "20")]
    assert malformed(raw) == []


def test_row_numbers_of_r_in_every_file_of_a_folder_and_across_line_breaks(spark, tmp_path):
    folder = tmp_path / "parts.csv"
    folder.mkdir()
    (folder / "1.csv").write_text('"x","y"\n"1",10,"a\nb"\n')
    (folder / "2.csv").write_text('"x","y"\n"1",20,"c"\n')
    (folder / "_SUCCESS").write_text("")
    raw = read(spark, folder, ["y", "x"], multiline=True)
    assert values(raw) == [("a\nb", "10"), ("c", "20")]
    assert malformed(raw) == []


def test_house_sales_is_read_as_pandas_reads_it(spark, shared_data):
    names = ["SalePrice", "PropertyID", "PropertyType", "NewConstruction"]
    raw = read(spark, shared_data / "house_sales.tsv", names)
    expected = pd.read_csv(shared_data / "house_sales.tsv", sep="\t", dtype=str)[names]
    assert values(raw) == sorted(expected.itertuples(index=False, name=None), key=str)


def test_json_lines(spark, tmp_path):
    path = tmp_path / "t.json"
    lines = [{"x": 1, "n.m": "a"}, {"x": 2.5, "n.m": None, "extra": [1]}, {"n.m": True}]
    path.write_text("\n".join([*map(json.dumps, lines), "[1, 2]", "{broken"]) + "\n")
    raw = read(spark, path, ["x", "n.m"])
    good = [row[:2] for row in raw_rows(raw) if row[-1] is None]
    assert sorted(good, key=str) == sorted([("1", "a"), ("2.5", None), (None, "true")], key=str)
    assert malformed(raw) == ["[1, 2]", "{broken"]


def test_json_without_objects_is_named(spark, tmp_path):
    (tmp_path / "t.json").write_text("\n[1,\n2]")
    with pytest.raises(
        DataError, match=r"not JSON with an object for each row\. Received: file 't\.json', which begins with '\[1,'\."
    ):
        read(spark, tmp_path / "t.json", ["x"])


def test_a_json_key_may_appear_late(spark, tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 1}\n' * 1500 + '{"x": 2, "y": 3}\n')
    assert values(read(spark, path, ["y"]))[0] == ("3",)
    with pytest.raises(DataError, match=r"Column 'w' is not in the source\. Known: x, y\."):
        read(spark, path, ["w"])


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_names_may_hold_anything(spark, tmp_path, format):
    path = tmp_path / f"odd [1]{{2}}.{format}"
    frame = pd.DataFrame([[str(i) for i in range(len(ODD_NAMES))]], columns=ODD_NAMES)
    if format == "csv":
        frame.to_csv(path, index=False)
    elif format == "json":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    wanted = ODD_NAMES[::-1]
    assert values(read(spark, path, wanted)) == [tuple(str(ODD_NAMES.index(name)) for name in wanted)]


def test_csv_names_that_repeat_do_no_harm_where_they_are_not_asked_for(spark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,note,note,X\n1,a,b,2\n")
    assert values(read(spark, path, ["x"])) == [("1",)]
    with pytest.raises(DataError, match=r"Column 'note' appears twice in the source\. Allowed: once\."):
        read(spark, path, ["x", "note"])


def test_only_the_columns_that_are_asked_for_are_read(spark, tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": [1], "wide": ["w"]}).to_parquet(path)
    raw = read(spark, path, ["x"])
    (batch,) = raw.scan.read(raw.scan.tasks[0][0])
    assert batch.schema.names == ["x"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"Source 'file:.*/t\.csv' does not exist\. Correct data\.source\.path\."),
        (b"", r"Source 'file:.*/t\.csv' is empty\. Correct data\.source\.path\."),
        (b"\n\n", r"File 't\.csv' is empty\. Its first line must name the columns\."),
        (
            b"\xff\xfe\x00",
            r"File 't\.csv' is not UTF-8 text \(byte 0\)\. Correct data\.source\.encoding or data\.source\.format\.",
        ),
        (b"y\n1\n", r"Column 'x' is not in the source\. Known: y\."),
        (b"xx,y\n1,2\n", r"Column 'x' is not in the source\. Did you mean 'xx'\?"),
        (b"X,y\n1,2\n", r"Column 'x' is not in the source\. Names are case-sensitive: write 'X'\."),
    ],
)
def test_a_source_that_cannot_be_used(spark, tmp_path, content, message):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(spark, path, ["x"])


def test_an_empty_folder(spark, tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match=r"t\.csv' holds no data file"):
        read(spark, tmp_path / "t.csv", ["x"])


@pytest.mark.parametrize("columns", [["x"], ["x", "_k"]])
def test_subfolders_of_a_column_are_read(spark, tmp_path, columns):
    for value in (1, 2):
        (tmp_path / "t" / f"_k={value}").mkdir(parents=True)
        pd.DataFrame({"x": [value]}).to_parquet(tmp_path / "t" / f"_k={value}" / "0.parquet")
    (tmp_path / "t" / "_SUCCESS").touch()
    raw = read(spark, tmp_path / "t", columns)
    assert values(raw) == [(1,) * len(columns), (2,) * len(columns)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.csv", "more/2.csv"], r"File 'more/2\.csv' of source '.*' is in a subfolder, which Spark does not read"),
        (["k=1/more/2.csv"], r"File 'k=1/more/2\.csv' of source '.*' is in a subfolder"),
        (["1.csv", "k=1/2.csv"], r"Files '1\.csv' and 'k=1/2\.csv' of source '.*' are in subfolders of different"),
    ],
)
def test_files_that_spark_would_leave_out_are_named(spark, tmp_path, names, message):
    for name in names:
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_text("x\n1\n")
    with pytest.raises(DataError, match=message):
        read(spark, tmp_path / "t", ["x"])


def test_an_unknown_ending(spark, tmp_path):
    (tmp_path / "t.dat").write_text("x\n1\n")
    with pytest.raises(
        ConfigError,
        match=r"The file extension of 't\.dat' does not indicate its format\. Allowed: arrow, arrows, csv, feather",
    ):
        read(spark, tmp_path / "t.dat", ["x"])
    assert values(read(spark, tmp_path / "t.dat", ["x"], format="csv")) == [("1",)]


def test_an_unknown_file_system(spark, tmp_path):
    with pytest.raises(DataError, match=r"Source 'nowhere://host/t\.csv' cannot be opened: No FileSystem for scheme"):
        open_source(spark, SourceConfig(path="nowhere://host/t.csv"), storage_path(str(tmp_path)))


def test_files_of_one_folder_with_other_headers(spark, tmp_path):
    folder = tmp_path / "parts.csv"
    folder.mkdir()
    (folder / "1.csv").write_text("x,y\n1,2\n")
    (folder / "2.csv").write_text("y,x\n4,3\n")
    assert sorted(values(read(spark, folder, ["x", "y"]))) == [("1", "2"), ("3", "4")]
    with (
        read_by_spark(),
        pytest.raises(DataError, match=r"File '2\.csv' has its columns in another order than '1\.csv'"),
    ):
        read(spark, folder, ["x"])
    (folder / "2.csv").write_text("y,z\n2,1\n")
    with pytest.raises(
        DataError, match=r"File '2\.csv' has other columns than '1\.csv'\. Allowed: x, y\. Received: y, z\."
    ):
        read(spark, folder, ["x"])


def test_what_is_no_parquet(spark, tmp_path):
    (tmp_path / "t.parquet").write_text("no parquet at all")
    with pytest.raises(DataError, match=r"t\.parquet' cannot be read as Parquet\. Parquet magic bytes not found"):
        read(spark, tmp_path / "t.parquet", ["x"])


def test_parquet_names_that_differ_by_case_only(spark, tmp_path):
    pd.DataFrame([[1, 2]], columns=["x", "X"]).to_parquet(tmp_path / "t.parquet")
    assert values(read(spark, tmp_path / "t.parquet", ["X"])) == [(2,)]
    with pytest.raises(DataError, match=r"Columns 'x' and 'X' differ by case only"):
        read(spark, tmp_path / "t.parquet", ["x", "X"])
