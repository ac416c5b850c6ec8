"""Files of one source with different columns, and columns that Spark cannot type."""

from __future__ import annotations

import datetime
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.common_columns import wider
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

ONE = pa.table({"x": [1, 2], "only": ["a", "b"], "none": pa.nulls(2)})
TWO = pa.table({"x": [0.5, None], "none": ["c", None], "late": [True, False]})
NAMES = ("x", "only", "none", "late")
ROWS = [(0.5, None, "c", True), (1.0, "a", None, None), (2.0, "b", None, None), (None, None, None, False)]


def opened(spark, path: Path, **source) -> SourceTable:
    config = SourceConfig(path=str(path), **source)
    return open_table(spark, open_source(spark, config, storage_path("unused")), config)


def rows_of(table: SourceTable, names=()) -> list[tuple]:
    return sorted((row[: len(names or table.names)] for row in raw_rows(table.read(names or table.names))), key=repr)


def write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".orc":
        nulls = [name for name in table.column_names if table[name].type == pa.null()]
        orc.write_table(table.drop_columns(nulls), path)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path))
    else:
        table.to_pandas().to_csv(path, index=False)


@pytest.mark.spark
@pytest.mark.parametrize("ending", ["parquet", "orc", "feather", "csv"])
def test_files_with_other_columns_are_refused_or_merged(spark, tmp_path, ending):
    write(ONE, tmp_path / "t" / f"1.{ending}")
    write(TWO, tmp_path / "t" / f"2.{ending}")
    message = r"File '2\.\w+' has other columns than '1\.\w+'\. .*set data\.source\.merge_schema: true"
    with pytest.raises(DataError, match=message):
        opened(spark, tmp_path / "t")
    table = opened(spark, tmp_path / "t", merge_schema=True)
    assert set(table.names) == {*NAMES}
    if ending == "csv":
        one, two = [("1", "a", None, None), ("2", "b", None, None)], [("0.5", None, "c", "True")]
        assert rows_of(table, NAMES) == sorted([*one, *two, (None, None, None, "False")], key=repr)
    else:
        assert rows_of(table, NAMES) == sorted(ROWS, key=repr)


@pytest.mark.spark
def test_the_difference_is_named(spark, tmp_path):
    write(ONE, tmp_path / "t" / "1.parquet")
    write(TWO, tmp_path / "t" / "2.parquet")
    with pytest.raises(DataError) as raised:
        opened(spark, tmp_path / "t")
    assert (
        "Different: x int64 in '1.parquet', double in '2.parquet', only string (only in '1.parquet'), "
        "late bool (only in '2.parquet'). Write" in str(raised.value)
    )
    write(TWO.set_column(0, "x", pa.array(["1", "2"])), tmp_path / "t" / "2.parquet")
    with pytest.raises(DataError, match=r"Different: x int64 in '1.parquet', string in '2\.parquet'\. data\.source"):
        opened(spark, tmp_path / "t", merge_schema=True)


@pytest.mark.spark
def test_an_integer_that_is_no_double_stops_a_merge(spark, tmp_path):
    write(pa.table({"x": [2**53 + 1]}), tmp_path / "t" / "1.parquet")
    write(pa.table({"x": [0.5]}), tmp_path / "t" / "2.parquet")
    with pytest.raises(Exception, match=r"1\.parquet' cannot be read: column 'x' is int64 here and double in"):
        rows_of(opened(spark, tmp_path / "t", merge_schema=True))


def test_types_that_hold_two_others():
    assert wider(pa.int8(), pa.int32()) == pa.int32()
    assert wider(pa.int32(), pa.float32()) == wider(pa.float32(), pa.float64()) == pa.float64()
    assert wider(pa.date32(), pa.timestamp("us")) == pa.timestamp("us")
    assert wider(pa.date32(), pa.timestamp("us", "UTC")) is None
    assert wider(pa.int64(), pa.string()) is wider(pa.bool_(), pa.int8()) is None


def odd_file(path: Path) -> list[tuple]:
    frame = pd.DataFrame({"x": [1, 2], "at": pd.to_datetime(["2024-03-01 12:30:00.123456789", None])})
    table = pa.Table.from_pandas(frame.astype({"at": "datetime64[ns]"}))
    table = table.append_column("clock", pa.array([datetime.time(12, 30), None]))
    table = table.append_column("X", pa.array(["a", "b"])).append_column("none", pa.nulls(2))
    pq.write_table(table.append_column("list", pa.array([[1], None])), path)
    return [
        (datetime.datetime(2024, 3, 1, 12, 30, 0, 123456), "12:30:00.000000", "a", None),
        (None, None, "b", None),
    ]


@pytest.mark.spark
def test_columns_that_spark_cannot_type_are_read(spark, tmp_path):
    expected = odd_file(tmp_path / "t.parquet")
    table = opened(spark, tmp_path / "t.parquet")
    assert rows_of(table, ("at", "clock", "X", "none")) == sorted(expected, key=repr)
    # Spark would read the list, and stop at the other columns.
    raw = table.read(["list", "x"])
    assert isinstance(raw.scan, PieceScan)
    assert sorted(raw_rows(raw), key=repr) == [(None, 2), ([1], 1)]


@pytest.mark.spark
@pytest.mark.parametrize("folders", [False, True])
def test_columns_that_spark_cannot_type_are_named_where_it_reads(spark, tmp_path, folders):
    path = tmp_path / "x=1" / "t.parquet" if folders else tmp_path / "t.parquet"
    path.parent.mkdir(exist_ok=True)
    odd_file(path)
    with nullcontext() if folders else read_by_spark(), pytest.raises(DataError) as raised:
        opened(spark, tmp_path if folders else path)
    message = str(raised.value)
    assert "has columns that Spark cannot read" in message
    assert "Column 'at' cannot be read: it has type TIMESTAMP(NANOS" in message or "type timestamp[ns]" in message
    assert "Column 'clock' cannot be read: it has type " in message
    assert "coerce_timestamps='us'" in message
