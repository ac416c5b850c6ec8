"""Files without a header, compressed ones, Arrow, Feather and Excel: the rows that were written are the rows read."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import logging
import lzma
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.column_types import column_types
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark

TABLE = pa.table(
    {
        "id": [1, 2, None],
        "zip": ["00501", "02134", None],
        "x": [0.5, None, -1e30],
        "flag": [True, None, False],
        "day": pa.array([datetime.date(2024, 3, 1), None, datetime.date(1969, 12, 31)]),
        "at": pa.array([datetime.datetime(2024, 3, 1, 12, 30), None, datetime.datetime(1969, 12, 31, 1)]).cast(
            pa.timestamp("ns")
        ),
        "kind": pa.array(["a", "b", None]).dictionary_encode(),
    }
)


def opened(spark, path: Path, **source) -> SourceTable:
    config = SourceConfig(path=str(path), **source)
    return open_table(spark, open_source(spark, config, storage_path("unused")), config)


def rows_of(table: SourceTable) -> list[tuple]:
    return sorted((row[: len(table.names)] for row in raw_rows(table.read(table.names))), key=repr)


def zipped(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return sink.getvalue()


@pytest.mark.parametrize("by_spark", [False, True])
def test_files_without_a_header(spark, tmp_path, by_spark):
    for name, text in (("1.tsv", "ham\tgo, until\nspam\tfree\n"), ("2.tsv", "\nham\tok\n\n")):
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / "1.tsv"), str(tmp_path / "2.tsv")]
    expected = [("ham", "go, until"), ("ham", "ok"), ("spam", "free")]

    def table(**more) -> SourceTable:
        config = SourceConfig(path=paths, header=False, **more)
        return open_table(spark, open_source(spark, config, storage_path("unused")), config)

    if by_spark:
        with read_by_spark():
            named, numbered = table(columns=["label", "text"]), table()
    else:
        named, numbered = table(columns=["label", "text"]), table()
    assert (named.names, rows_of(named)) == (("label", "text"), expected)
    assert (numbered.names, rows_of(numbered)) == (("c0", "c1"), expected)


def test_as_many_names_as_fields(spark, tmp_path):
    (tmp_path / "t.csv").write_text("1,2,3\n")
    with pytest.raises(
        DataError, match=r"'t\.csv' has 3 fields in its first line\. Allowed: 2, as many as data\.source"
    ):
        opened(spark, tmp_path / "t.csv", header=False, columns=["a", "b"])


def test_a_line_with_another_number_of_fields_is_malformed_without_a_header_too(spark, tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n3\n4,5\n")
    rows = raw_rows(opened(spark, tmp_path / "t.csv", header=False).read(["c1"]))
    assert rows == [("2", None), (None, "3"), ("5", None)]


@pytest.mark.parametrize(
    ("first_line", "warned"),
    [("5.1,3.5,setosa", True), ("-1,2,b", True), ("3,2,a", True), ("country,2019,2020", False), ("x,y,z", False)],
)
def test_a_first_line_like_data_is_warned_of(spark, tmp_path, caplog, first_line, warned):
    (tmp_path / "t.csv").write_text(f"{first_line}\n4.9,3.0,setosa\n")
    with caplog.at_level(logging.WARNING):
        opened(spark, tmp_path / "t.csv")
    assert (
        f"The first line of 't.csv' looks like data, but is taken for the names of the columns: '{first_line}'. If"
        in caplog.text
    ) == warned


CONTENT = "x,y\r\n" + "".join(f"{i},ä{i % 7}\r\n" for i in range(30_000))
PACKED = {
    "t.csv.xz": lzma.compress(CONTENT.encode()[:100_001]) + lzma.compress(CONTENT.encode()[100_001:]) + b"\0" * 8,
    "t.csv.gz": gzip.compress(CONTENT.encode()[:100_001]) + gzip.compress(CONTENT.encode()[100_001:]),
    "t.csv.bz2": bz2.compress(CONTENT.encode()[:100_001]) + bz2.compress(CONTENT.encode()[100_001:]),
    "t.csv.zst": pa.compress(CONTENT.encode(), codec="zstd", asbytes=True),
    "t.csv.zip": zipped(("rows", CONTENT.encode())),
    "archive.zip": zipped(("data/", b""), ("data/t.csv", CONTENT.encode()), ("__MACOSX/data/._t.csv", b"?")),
}


@pytest.mark.parametrize("name", PACKED)
def test_compressed_files(spark, tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name])
    table = opened(spark, tmp_path / name)
    assert table.names == ("x", "y")
    assert rows_of(table) == sorted(((str(i), f"ä{i % 7}") for i in range(30_000)), key=repr)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.xz", PACKED["t.csv.xz"][:-3000], r"t\.csv\.xz' cannot be decompressed: The compressed file ends too"),
        ("t.csv.xz", b"x,y\n1,2\n" * 9, r"cannot be decompressed: The file cannot be decompressed: Input format not"),
        ("t.zip", b"x,y\n1,2\n", r"t\.zip' cannot be decompressed: The file is no zip archive: File is not a zip file"),
        ("t.zip", zipped(("a.csv", b""), ("b.csv", b"")), r"holds 2 files \('a\.csv', 'b\.csv'\), and one is allowed"),
        ("t.zip", zipped(), r"The archive holds 0 files, and one is allowed; unpack it"),
        ("t.csv.zip", PACKED["t.csv.zip"].replace(b"rows", b"rowz", 1), r"cannot be decompressed: The archive cannot"),
        (
            "t.tar.gz",
            gzip.compress(b"?", mtime=0),
            r"The file extension of 't\.tar\.gz' does not indicate its format\. Allowed",
        ),
    ],
)
def test_what_cannot_be_decompressed(spark, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, ConfigError), match=message):
        rows_of(opened(spark, tmp_path / name))


@pytest.mark.parametrize("name", ["t.csv.xz", "t.csv.zip"])
def test_what_spark_cannot_decompress(spark, tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name])
    with read_by_spark(), pytest.raises(DataError, match="Spark does not know its compression, and the tests ask for"):
        opened(spark, tmp_path / name)


def write_arrow(path: Path) -> None:
    if path.name.startswith("first"):
        # The first version has no dates and no dictionaries without all of their values.
        feather.write_feather(TABLE.set_column(6, "kind", TABLE["kind"].cast(pa.string())), str(path), version=1)
    elif path.suffix == ".feather":
        feather.write_feather(TABLE, str(path), compression="zstd")
    else:
        new = ipc.new_stream if path.suffix == ".arrows" else ipc.new_file
        with new(str(path), TABLE.schema) as writer:
            writer.write_table(TABLE, max_chunksize=2)


@pytest.mark.parametrize("name", ["t.arrow", "t.arrows", "t.feather", "first.feather", "t.arrow.gz", "t.arrows.gz"])
def test_arrow_and_feather(spark, tmp_path, name):
    path = tmp_path / name.removesuffix(".gz")
    write_arrow(path)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
    table = opened(spark, tmp_path / name)
    assert {name: reading.type for name, reading in column_types(table, {}).items()} == {
        "id": "integer",
        "zip": "text",
        "x": "number",
        "flag": "boolean",
        "day": "date",
        "at": "timestamp",
        "kind": "text",
    }
    expected = TABLE.set_column(5, "at", TABLE["at"].cast(pa.timestamp("us"))).to_pylist()
    assert rows_of(table) == sorted((tuple(row.values()) for row in expected), key=repr)


def test_columns_of_arrow_that_are_not_wanted_may_be_of_any_type(spark, tmp_path):
    table = pa.table({"x": [1, 2], "list": [[1], None], "took": pa.array([1, 2], pa.duration("s"))})
    feather.write_feather(table, str(tmp_path / "t.feather"))
    assert raw_rows(opened(spark, tmp_path / "t.feather").read(["x"])) == [(1,), (2,)]


def test_a_name_twice_in_arrow_is_refused(spark, tmp_path):
    table = pa.table([pa.array([1]), pa.array([2])], ["v", "v"])
    with ipc.new_file(str(tmp_path / "t.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=r"as arrow: column 'v' is there more than once; rename the others\."):
        opened(spark, tmp_path / "t.arrow")


def test_excel(spark, tmp_path):
    pytest.importorskip("openpyxl")
    frame = TABLE.to_pandas().drop(columns=["kind"])
    mixed = pd.DataFrame({"y": [1, "N/A", 3], "z": [1.0, "NA", 2.5]})
    with pd.ExcelWriter(tmp_path / "t.xlsx") as writer:
        frame.to_excel(writer, sheet_name="first", index=False)
        mixed.to_excel(writer, sheet_name="second", index=False)
    table = opened(spark, tmp_path / "t.xlsx")
    assert {name: reading.type for name, reading in column_types(table, {}).items()} == {
        "id": "integer",
        "zip": "text",
        "x": "number",
        "flag": "boolean",
        "day": "date",
        "at": "timestamp",
    }
    expected = TABLE.drop_columns(["kind"]).set_column(5, "at", TABLE["at"].cast(pa.timestamp("us"))).to_pylist()
    assert rows_of(table) == sorted((tuple(row.values()) for row in expected if any(row.values())), key=repr)
    second = opened(spark, tmp_path / "t.xlsx", options={"sheet": "second"})
    assert rows_of(second) == [("1", 1.0), ("3", 2.5), ("N/A", None)]
    with pytest.raises(DataError, match=r"as excel: there is no sheet 'third'; there are: first, second\."):
        opened(spark, tmp_path / "t.xlsx", options={"sheet": "third"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", "b"], [1, "=A2+1"]], r"row 2, column 2 holds the formula '=A2\+1' without its result\. Open and save"),
        ([["a", "a"], [1, 2]], r"column 'a' is there more than once; rename the others"),
        ([["a", None], [1, 2]], r"column 2 has no name in the first row; name it"),
        ([], r"sheet 'Sheet' is empty; name another one by data\.source\.options"),
    ],
)
def test_sheets_that_are_no_table(spark, tmp_path, rows, message):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match=message):
        opened(spark, tmp_path / "t.xlsx")


def test_what_is_no_workbook(spark, tmp_path):
    pytest.importorskip("openpyxl")
    (tmp_path / "t.xlsx").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"t\.xlsx' cannot be read as excel: it is no workbook of Excel 2007 or later"):
        opened(spark, tmp_path / "t.xlsx")


def test_excel_without_openpyxl(spark, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(zipped(("x", b"")))
    with pytest.raises(DataError, match=r"as excel: openpyxl, which reads Excel, is not installed here and in the "):
        opened(spark, tmp_path / "t.xlsx")
