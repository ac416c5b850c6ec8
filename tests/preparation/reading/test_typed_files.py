"""Parquet and ORC files of odd types, and folders of odd values: tasks read what Spark reads."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark

DAYS = [datetime.date(1, 1, 1), datetime.date(1582, 10, 4), datetime.date(1969, 12, 31), datetime.date(9999, 12, 31)]
MOMENTS = [datetime.datetime(day.year, day.month, day.day, 13, 4, 5, 678901) for day in DAYS]
PRICES = [Decimal("-1.05"), Decimal("0.00"), Decimal("999.99"), Decimal("0.10")]


def opened(spark, path: Path, **source) -> SourceTable:
    config = SourceConfig(path=str(path), **source)
    return open_table(spark, open_source(spark, config, storage_path("unused")), config)


def rows_of(table: SourceTable, names: Sequence[str]) -> list[str]:
    return sorted(map(repr, raw_rows(table.read(names))))


def check_alike(spark, path: Path, wanted: Sequence[str] = (), **source) -> SourceTable:
    """Both readers give the same columns and rows, and tasks read the files."""
    table = opened(spark, path, **source)
    with read_by_spark():
        expected = opened(spark, path, **source)
    names = wanted or table.names
    assert (table.names, dict(table.kinds)) == (expected.names, dict(expected.kinds))
    assert isinstance(table.read(names).scan, PieceScan)
    assert rows_of(table, names) == rows_of(expected, names)
    return table


def test_types_that_arrow_wrote(spark, tmp_path):
    columns = {
        "price": pa.array(PRICES, pa.decimal128(5, 2)),
        "wide": pa.array([-(10**37), 10**37, None, 1], pa.decimal128(38, 0)),
        **{f"u{bits}": pa.array([0, 2**bits - 1, None, 1], getattr(pa, f"uint{bits}")()) for bits in (8, 16, 32, 64)},
        **{f"i{bits}": pa.array([-1, 2 ** (bits - 1) - 1, None, 1], getattr(pa, f"int{bits}")()) for bits in (8, 16)},
        "date64": pa.array(DAYS, pa.date64()),
        **{unit: pa.array(MOMENTS).cast(pa.timestamp(unit), safe=False) for unit in ("s", "ms", "us")},
        "zoned": pa.array(MOMENTS, pa.timestamp("us", "Europe/Berlin")),
        "large": pa.array(["", "ä", None, "a"], pa.large_string()),
        "coded": pa.array(["", "ä", None, "a"]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    check_alike(spark, tmp_path / "t.parquet")


def test_types_that_spark_wrote(spark, tmp_path):
    texts = ", ".join(f"('{moment}')" for moment in MOMENTS)
    rows = spark.sql(
        "SELECT CAST(t AS TIMESTAMP) a, CAST(t AS TIMESTAMP_NTZ) b, CAST(t AS DATE) c, CAST('NaN' AS FLOAT) d, "
        "CAST(length(t) AS DECIMAL(9, 3)) e, CAST(length(t) AS DECIMAL(30, 3)) f, CAST(length(t) AS TINYINT) g "
        f"FROM VALUES {texts} AS v(t)"
    )
    rows.coalesce(1).write.parquet(f"{tmp_path}/p")
    check_alike(spark, tmp_path / "p", format="parquet")


def test_types_of_orc(spark, tmp_path):
    rows = spark.sql(
        "SELECT IF(id = 0, NULL, DATE_SUB('1582-10-16', CAST(id * id AS INT))) a, CAST(id AS DECIMAL(9, 3)) b, "
        "CAST(-id AS DECIMAL(30, 3)) c, CAST(id % 100 AS TINYINT) d, CAST(id AS FLOAT) e, id % 2 = 0 f FROM RANGE(700)"
    )
    rows.coalesce(1).write.orc(f"{tmp_path}/o")
    check_alike(spark, tmp_path / "o", format="orc")
    spark.sql("SELECT TIMESTAMP_NTZ '2020-01-01 00:00:00' t, TIMESTAMP '2020-01-01 00:00:00' z").write.orc(
        f"{tmp_path}/t"
    )
    check_alike(spark, tmp_path / "t", ["t"], format="orc")
    assert not isinstance(opened(spark, tmp_path / "t", format="orc").read(["z"]).scan, PieceScan)


def test_what_only_spark_reads(spark, tmp_path, caplog):
    spark.conf.set("spark.sql.parquet.int96RebaseModeInWrite", "LEGACY")
    spark.conf.set("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY")
    try:
        rows = spark.sql(
            "SELECT DATE '1500-01-01' a, TIMESTAMP '1500-01-01 00:00:00' b, 1 c, X'00' d, INTERVAL 3 DAYS e"
        )
        rows.write.parquet(f"{tmp_path}/p")
    finally:
        spark.conf.unset("spark.sql.parquet.int96RebaseModeInWrite")
        spark.conf.unset("spark.sql.parquet.datetimeRebaseModeInWrite")
    table = opened(spark, tmp_path / "p", format="parquet")
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.source_reader"):
        assert raw_rows(table.read(["a", "c"])) == [(datetime.date(1500, 1, 1), 1)]
    assert "types that Arrow does not read as Spark does: 'a' (date32[day])." in caplog.text
    assert not any(isinstance(table.read([name]).scan, PieceScan) for name in "bde")
    assert isinstance(table.read(["c"]).scan, PieceScan)


def test_nanoseconds_lose_their_last_digits(spark, tmp_path):
    values = pa.array([1, -1, -1001, 1_999], pa.timestamp("ns"))
    pq.write_table(pa.table({"t": values, "z": values.cast(pa.timestamp("ns", "Asia/Tokyo"))}), tmp_path / "t.parquet")
    table = opened(spark, tmp_path / "t.parquet")
    assert dict(table.kinds) == {"t": pa.timestamp("us"), "z": pa.timestamp("us", "UTC")}
    moments = [datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us) for us in (0, -1, -2, 1)]
    assert [row[0] for row in raw_rows(table.read(["t", "z"]))] == moments


FOLDERS = {
    "int": ["1", "02", "-3", "__HIVE_DEFAULT_PARTITION__"],
    "long": ["1", "2147483648"],
    "decimal": ["99999999999999999999", "1"],
    "double": ["1.5", "1e3", "NaN", "1d"],
    "date": ["2020-02-29", "1500-01-01", "__HIVE_DEFAULT_PARTITION__"],
    "timestamp": ["2020-01-01 12:30:00", "2020-01-01 12:30:00.5"],
    "date_and_timestamp": ["2020-01-01", "2020-01-01 01:00:00"],
    "text": ["a b", "ä", "x=y", "10%", "a/b", "1", "true", "NULL"],
    "mixed": ["1", "2020-01-01", "1.5"],
}


def escaped(value: str) -> str:
    return quote(value, safe=" ä") if value != "10%" else "10%"


def rows_in_folders(folder: Path, values: dict[str, list[str]], ending: str) -> Path:
    """Rows in nested folders, each of which has the next value of its column."""
    for number in range(max(map(len, values.values()))):
        place = folder / ending
        for name, own in values.items():
            place /= f"k {name}={escaped(own[number % len(own)])}"
        place.mkdir(parents=True)
        table = pa.table({"x": [number, number + 100], "t": ["a", None]})
        match ending:
            case "parquet":
                pq.write_table(table, place / "0.parquet")
            case "orc":
                table.to_pandas().to_orc(place / "0.orc")
            case "json":
                table.to_pandas().to_json(place / "0.json", orient="records", lines=True)
            case _:
                table.to_pandas().to_csv(place / f"0.{ending}", index=False, sep="\t" if ending == "tsv" else ",")
    return folder / ending


@pytest.mark.parametrize("ending", ["parquet", "orc", "csv", "tsv", "json"])
def test_values_of_folders(spark, tmp_path, ending):
    table = check_alike(spark, rows_in_folders(tmp_path, FOLDERS, ending))
    assert table.names == ("x", "t", *(f"k {name}" for name in FOLDERS))
    # Without a column of the files, their rows still count.
    assert len(raw_rows(table.read(["k int"]))) == 16


def test_folders_that_only_spark_reads(spark, tmp_path, caplog):
    path = rows_in_folders(tmp_path, {"none": ["__HIVE_DEFAULT_PARTITION__"]}, "parquet")
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.source_reader"):
        assert len(raw_rows(opened(spark, path).read(["x"]))) == 2
    assert "is read by Spark: the values of folders 'k none=' are void." in caplog.text
    place = tmp_path / "twice" / "X=1"
    place.mkdir(parents=True)
    pq.write_table(pa.table({"x": [5]}), place / "0.parquet")
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.source_reader"):
        opened(spark, tmp_path / "twice")
    assert "column 'X' is in the files and in the names of their folders." in caplog.text
    (tmp_path / "empty" / "k=").mkdir(parents=True)
    pq.write_table(pa.table({"x": [5]}), tmp_path / "empty" / "k=" / "0.parquet")
    with pytest.raises(DataError, match=r"Folder 'file:.*/k=' of source '.*' has no value after its '='\. Rename it\."):
        opened(spark, tmp_path / "empty")
