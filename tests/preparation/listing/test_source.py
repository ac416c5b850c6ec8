"""Patterns, several paths, encodings, ORC, tables and queries: what is read, and what its fingerprint tells."""

from __future__ import annotations

import logging
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError
from pipeline.preparation.listing.source import Source, open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark


def opened(spark, **source) -> tuple[Source, SourceTable]:
    config = SourceConfig(**source)
    found = open_source(spark, config, storage_path("unused"))
    return found, open_table(spark, found, config)


def rows_of(spark, wanted: list[str], **source) -> list[tuple]:
    raw = opened(spark, **source)[1].read(wanted)
    return sorted((row[: len(wanted)] for row in raw_rows(raw)), key=str)


def identity(spark, **source) -> str:
    return open_source(spark, SourceConfig(**source), storage_path("unused")).fingerprint


def plan_of(table: SourceTable, wanted: list[str]) -> str:
    return str(table.read(wanted).scan.rows._jdf.queryExecution().executedPlan().toString())


def write(path: Path, content: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content)
    elif path.suffix == ".orc":
        pd.DataFrame(content).to_orc(path)
    else:
        pd.DataFrame(content).to_parquet(path)
    return str(path)


@pytest.fixture
def months(tmp_path) -> Path:
    """Three files of a year, one of another, and one that is hidden."""
    for year, month in (("2023", "12"), ("2024", "01"), ("2024", "02"), ("2024", "10")):
        write(tmp_path / year / f"{month}.csv", f"x,y\n{year}{month},a\n")
    write(tmp_path / "2024" / "_03.csv", "x,y\n0,a\n")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["2024/*.csv"], ["202401", "202402", "202410"]),
        (["*/0?.csv"], ["202401", "202402"]),
        (["2024/{01,10}.csv", "2023"], ["202312", "202401", "202410"]),
        # Each file counts once, however often it fits.
        (["2024/0[12].csv", "2024", "2024/01.csv", "2024"], ["202401", "202402", "202410"]),
    ],
)
def test_patterns_and_several_paths(spark, months, paths, expected):
    assert rows_of(spark, ["x"], path=[f"{months}/{path}" for path in paths]) == [(x,) for x in expected]


def test_what_exists_is_no_pattern(spark, months):
    write(months / "2024" / "*.csv", "x,y\n1,a\n")
    assert rows_of(spark, ["x"], path=f"{months}/2024/*.csv") == [("1",)]


def test_relative_patterns(spark, months, monkeypatch):
    monkeypatch.chdir(months)
    assert len(rows_of(spark, ["x"], path="*/1*.csv")) == 2


def test_another_file_system(spark, months):
    """Hadoop's viewfs stands for all that are not local: names with a scheme, and no folder that Python sees."""
    spark._jsc.hadoopConfiguration().set("fs.viewfs.mounttable.default.link./lake", months.as_uri())
    source, _ = opened(spark, path="viewfs:/lake/*/0?.csv")
    assert source.paths == ("viewfs:/lake/2024/01.csv", "viewfs:/lake/2024/02.csv")
    assert rows_of(spark, ["x"], path="viewfs:/lake/2023") == [("202312",)]
    with pytest.raises(DataError, match=r"nearest folder that exists is 'viewfs:/lake'\."):
        identity(spark, path="viewfs:/lake/2025/*.csv")


def test_what_fits_nothing(spark, months):
    with pytest.raises(DataError) as caught:
        open_source(spark, SourceConfig(path=f"{months}/2024/none/*/[a-c].csv"), storage_path("unused"))
    assert str(caught.value) == (
        f"Nothing matches the pattern 'file:{months}/2024/none/*/[a-c].csv'. The nearest folder that exists is "
        f"'file:{months}/2024'. Correct data.source.path."
    )
    with pytest.raises(DataError, match=r"cannot be opened: Illegal file pattern"):
        identity(spark, path=f"{months}/2024/[a.csv")


def test_files_of_several_formats(spark, months):
    write(months / "2024" / "04.json", "{}")
    with pytest.raises(ConfigError, match=r"file extensions of '01\.csv' and '04\.json' indicate different formats"):
        identity(spark, path=f"{months}/2024")
    with pytest.raises(ConfigError, match=r"^'data\.source': multiline goes with format: csv or tsv, not json\.$"):
        identity(spark, path=f"{months}/2024/04.json", multiline=True)


def test_a_fingerprint_follows_the_files_and_not_their_place(spark, months):
    source = {"path": [f"{months}/2024/0*.csv", f"{months}/2023"]}
    before = identity(spark, **source)
    assert identity(spark, path=source["path"][::-1]) == before
    changed = months / "2024" / "01.csv"
    os.utime(changed, (1, 1))
    after = identity(spark, **source)
    assert after != before
    write(months / "2023" / "11.csv", "x,y\n1,a\n")
    assert identity(spark, **source) not in (before, after)


def test_folders_of_columns_below_a_pattern(spark, tmp_path):
    for key in ("01", "02", "10"):
        write(tmp_path / "t" / f"k={key}" / "0.csv", f"x\n{int(key)}\n")
    source, table = opened(spark, path=f"{tmp_path}/t/k=0*/*.csv")
    assert table.names == ("x", "k")
    assert [file.name for file in source.files] == ["k=01/0.csv", "k=02/0.csv"]
    assert rows_of(spark, ["k", "x"], path=f"{tmp_path}/t/k=0*") == [("01", "1"), ("02", "2")]
    write(tmp_path / "u" / "k=3" / "0.csv", "x\n3\n")
    with pytest.raises(
        DataError, match=r"folders COLUMN=VALUE of source '.*' are in several folders: '.*/t' and '.*/u'"
    ):
        identity(spark, path=[f"{tmp_path}/t", f"{tmp_path}/u"])
    write(tmp_path / "v" / "X=3" / "0.csv", "x\n3\n")
    with pytest.raises(DataError, match=r"Column 'X' of source '.*' is in the files and in the names of their folders"):
        opened(spark, path=f"{tmp_path}/v")


def test_folders_of_columns_beside_json(spark, tmp_path):
    for key in ("01", "02"):
        write(tmp_path / f"k={key}" / "0.json", '{"x": {"a": [1]}}\n')
    assert rows_of(spark, ["x", "k"], path=str(tmp_path)) == [('{"a": [1]}', "01"), ('{"a": [1]}', "02")]


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("latin1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16le"),
        ("utf-16be", "utf-16be"),
    ],
)
def test_encodings(spark, tmp_path, encoding, codec):
    text = "größe,x\r\nü,1\r\n" + ("ਁĀ,2\r\n" if "16" in encoding else "Ä,2\r\n")
    (tmp_path / "t.csv").write_bytes(text.encode(codec))
    raw = opened(spark, path=f"{tmp_path}/t.csv", encoding=encoding)[1].read(["größe", "x"])
    expected = [tuple(line.split(",")) for line in text.split("\r\n")[1:-1]]
    assert raw_rows(raw) == [(*row, None) for row in expected]


def test_other_quotes_and_escapes(spark, tmp_path):
    single = write(tmp_path / "single.csv", "x,y\n'a,''b''',1\n\"c,2\n")
    assert rows_of(spark, ["x", "y"], path=single, quote="'") == [("a,'b'", "1"), ('"c', "2")]
    slashed = write(tmp_path / "slashed.csv", 'x,y\n"a \\"b\\"",1\n')
    assert rows_of(spark, ["x"], path=slashed, escape="\\") == [('a "b"',)]
    bare = write(tmp_path / "bare.csv", 'x,y\n5",6"\n"7,8\n9,"8,7"\n')
    rows = raw_rows(opened(spark, path=bare, quote="")[1].read(["x", "y"]))
    assert [row[-1] for row in rows] == [None, None, '9,"8,7"']
    assert [row[:2] for row in rows[:2]] == [('5"', '6"'), ('"7', "8")]


def test_text_columns_are_still_to_be_typed(spark, tmp_path):
    path = write(tmp_path / "t.csv", "x,note,note\n1,a,b\n")
    _, table = opened(spark, path=path)
    assert (table.names, table.is_text) == (("x", "note", "note"), True)
    assert table.kinds == {"x": pa.string(), "note": pa.string()}
    with pytest.raises(DataError, match=r"Column 'nope' is not in the source\. Did you mean 'note'\?"):
        table.read(["nope"])


def test_json_columns_as_the_first_lines_name_them(spark, tmp_path):
    path = write(tmp_path / "t.json", '{"z": 1, "a": 2}\n{"m": 3}\n' + '{"z": 1}\n' * 1000 + '{"late": 4}\n')
    _, table = opened(spark, path=path)
    assert (table.names, table.is_text) == (("z", "a", "m"), True)
    assert table.knowing(["late"]).names == ("z", "a", "m", "late")
    assert sum(row[0] is not None for row in raw_rows(table.read(["late"]))) == 1


@pytest.mark.parametrize("ending", ["orc", "parquet"])
def test_typed_files(spark, tmp_path, ending):
    one = write(tmp_path / f"1.{ending}", {"x": [1], "wide": ["w"], "y.z": [0.5]})
    two = write(tmp_path / f"2.{ending}", {"x": [2], "wide": ["w"], "y.z": [1.5]})
    source, table = opened(spark, path=[one, two])
    assert (source.format, table.names, table.is_text) == (ending, ("x", "wide", "y.z"), False)
    assert table.kinds == {"x": pa.int64(), "wide": pa.string(), "y.z": pa.float64()}
    assert sorted(raw_rows(table.read(["y.z", "x"]))) == [(0.5, 1), (1.5, 2)]
    assert raw_rows(table.read(["x"])) == [(1,), (2,)]
    other = write(tmp_path / f"3.{ending}", {"x": ["3"], "y.z": [1.5]})
    with pytest.raises(
        DataError,
        match=r"'3\..*' has other columns than '1\..*'\. Different: x int64 in .*1\..*, string in .*3\..*, wide string",
    ):
        opened(spark, path=[one, other])


@pytest.mark.parametrize("by_spark", [False, True])
@pytest.mark.parametrize("folders", [("", ""), ("k=1/", "k=2/")])
@pytest.mark.parametrize("ending", ["orc", "parquet"])
def test_every_file_of_a_folder_has_the_same_columns(spark, tmp_path, ending, folders, by_spark):
    one, two = (f"{folder}{name}.{ending}" for folder, name in zip(folders, "ab", strict=True))
    write(tmp_path / "t" / one, {"x": [1], "y": [1.5]})
    write(tmp_path / "t" / two, {"x": [2]})
    with read_by_spark() if by_spark else nullcontext():
        with pytest.raises(
            DataError, match=rf"File '{two}' has other columns than '{one}'\. Different: y double \(only"
        ):
            opened(spark, path=str(tmp_path / "t"))
        write(tmp_path / "t" / two, {"x": [2], "y": ["text"]})
        with pytest.raises(DataError, match=r"Different: y double in '.*a\.\w+', string in '.*b\.\w+'\."):
            opened(spark, path=str(tmp_path / "t"))


def test_what_is_no_orc(spark, tmp_path):
    with pytest.raises(DataError, match=r"t\.orc' cannot be read as ORC\. Not an ORC file\."):
        opened(spark, path=write(tmp_path / "t.orc", "no orc at all"))


@pytest.fixture
def table(spark, tmp_path):
    """A table of the catalog, of one Parquet file."""
    write(tmp_path / "t" / "1.parquet", {"x": [1, 2], "wide": ["v", "w"]})
    spark.sql(f"CREATE DATABASE lake LOCATION '{tmp_path}/lake'")
    spark.sql(f"CREATE TABLE lake.t USING parquet LOCATION '{tmp_path}/t'")
    yield tmp_path / "t"
    spark.sql("DROP DATABASE lake CASCADE")


def test_a_table_of_the_catalog(spark, table):
    source, found = opened(spark, table="lake.t")
    assert (source.location, source.format, found.is_text) == ("lake.t", "table", False)
    assert rows_of(spark, ["x"], table="spark_catalog.lake.`t`") == [(1,), (2,)]
    assert "ReadSchema: struct<x:bigint>" in plan_of(found, ["x"])
    assert identity(spark, table="lake.t") == source.fingerprint
    write(table / "2.parquet", {"x": [3], "wide": ["v"]})
    assert identity(spark, table="lake.t") != source.fingerprint
    assert len(rows_of(spark, ["x"], table="lake.t")) == 3


def test_a_query(spark, table):
    query = "WITH a AS (SELECT x, x AS n, wide FROM lake.t) SELECT * FROM a WHERE x < (SELECT max(x) FROM lake.t);"
    source, found = opened(spark, query=query)
    assert (source.format, found.names) == ("query", ("x", "n", "wide"))
    assert rows_of(spark, ["n"], query=query) == [(1,)]
    assert "ReadSchema: struct<x:bigint>" in plan_of(found, ["n"])
    assert identity(spark, query=query) == source.fingerprint
    assert identity(spark, query=query.replace("max", "min")) != source.fingerprint
    write(table / "2.parquet", {"x": [3], "wide": ["v"]})
    assert identity(spark, query=query) != source.fingerprint
    assert rows_of(spark, ["n"], query=query) == [(1,), (2,)]


def test_a_query_whose_names_repeat(spark):
    query = "SELECT 1 AS x, 2 AS X, 3 AS y, 4 AS y"
    assert rows_of(spark, ["X", "x"], query=query) == [(2, 1)]
    with pytest.raises(DataError, match=r"Column 'y' appears twice in the source\. Allowed: once\."):
        opened(spark, query=query)[1].read(["y"])


def test_files_that_only_a_condition_reads_count(spark, table, tmp_path):
    def with_file(number: int) -> str:
        write(tmp_path / "other" / f"{number}.parquet", {"x": [number]})
        spark.read.parquet(f"{tmp_path}/other").createOrReplaceTempView("other")
        return identity(spark, query="SELECT x FROM lake.t WHERE x IN (SELECT x FROM other)")

    assert with_file(1) != with_file(2)


def test_a_view_counts_by_its_text(spark, table, caplog):
    spark.sql("CREATE TEMPORARY VIEW v AS SELECT * FROM lake.t WHERE x > 1")
    before = identity(spark, query="SELECT x FROM v")
    assert identity(spark, query="SELECT x FROM v") == before
    spark.sql("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT * FROM lake.t WHERE x > 0")
    assert identity(spark, query="SELECT x FROM v") != before
    assert not caplog.records


def test_rows_that_are_in_no_file_are_hashed(spark, caplog):
    def view(*rows: tuple) -> str:
        spark.createDataFrame(list(rows), "a string, b string, m map<string,int>").createOrReplaceTempView("held")
        return identity(spark, table="held")

    with caplog.at_level(logging.WARNING, logger="pipeline"):
        before = view(("p", None, {"k": 1}), ("q", "r", None))
    assert "Changes of data.source show only in its rows" in caplog.text
    assert view(("q", "r", None), ("p", None, {"k": 1})) == before
    # A value that moves to the next column, one that changes, and a row that is there twice.
    assert view((None, "p", {"k": 1}), ("q", "r", None)) != before
    assert view(("p", None, {"k": 2}), ("q", "r", None)) != before
    assert view(("p", None, {"k": 1}), ("q", "r", None), ("q", "r", None)) != before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"table": "lake.none"}, r"^Table 'lake\.none' cannot be read\. .*`lake`\.`none` cannot be found"),
        ({"query": "SELECT nope FROM lake.t"}, r"^The query of data\.source\.query cannot be read\. .*`nope`"),
        (
            {"query": "SELECT rand() r FROM lake.t"},
            r"can return different rows each time.* Received: a function with different values",
        ),
        (
            {"query": "SELECT * FROM lake.t WHERE current_date() > '2020-01-01'"},
            r"Received: a function of the current time",
        ),
        ({"query": "SELECT * FROM lake.t TABLESAMPLE (50 PERCENT)"}, r"Received: TABLESAMPLE\. Write constants"),
    ],
)
def test_tables_and_queries_that_cannot_be_used(spark, table, source, message):
    with pytest.raises(DataError, match=message):
        identity(spark, **source)
    assert spark.table("lake.t").count() == 2
