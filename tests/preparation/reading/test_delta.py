"""Delta tables, written by the package deltalake and read from its log, as Spark's own data source is not there."""

from __future__ import annotations

import datetime
import decimal
import json
import logging
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config.source import SourceConfig
from pipeline.errors import ConfigError, DataError, PlatformError
from pipeline.preparation.listing.source import Source, open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import SourceTable
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark


@pytest.fixture
def deltalake():
    """The package that writes the tables of these tests."""
    return pytest.importorskip("deltalake", reason="the extra 'delta' is not installed")


def opened(spark, path: Path, **source) -> tuple[Source, SourceTable]:
    config = SourceConfig(path=str(path), **source)
    found = open_source(spark, config, storage_path("unused"))
    return found, open_table(spark, found, config)


def rows_of(table: SourceTable, *wanted: str) -> list[tuple]:
    return sorted(raw_rows(table.read(wanted)), key=str)


def test_rows_that_were_added_and_deleted(spark, deltalake, tmp_path):
    place = tmp_path / "t"
    deltalake.write_deltalake(place, pa.table({"x": [1, 2, 3], "wide": ["a", "b", "c"]}))
    first, table = opened(spark, place)
    assert (first.format, first.version, table.names, table.is_text) == ("delta", 0, ("x", "wide"), False)
    assert opened(spark, place, format="delta")[0].fingerprint == first.fingerprint
    deltalake.write_deltalake(place, pa.table({"x": [4], "new": [0.5]}), mode="append", schema_mode="merge")
    deltalake.DeltaTable(place).delete("x = 1")
    # What was opened stays as it was.
    assert rows_of(open_table(spark, first, SourceConfig(path=str(place))), "x") == [(1,), (2,), (3,)]
    source, table = opened(spark, place.rename(tmp_path / "odd [1] é"))
    assert source.version == 2 and source.fingerprint != first.fingerprint
    assert rows_of(table, "x", "new") == [(2, None), (3, None), (4, 0.5)]
    assert isinstance(table.read(["x"]).scan, PieceScan)
    with read_by_spark():
        table = opened(spark, tmp_path / "odd [1] é")[1]
    assert rows_of(table, "x", "new") == [(2, None), (3, None), (4, 0.5)]
    plan = table.read(["x"]).scan.rows._jdf.queryExecution().executedPlan().toString()
    assert "ReadSchema: struct<x:bigint>" in plan


def test_partitions_of_every_type(spark, deltalake, tmp_path):
    moment = datetime.datetime(2024, 1, 1, 12, 30, 0, 5, tzinfo=datetime.UTC)
    values = {
        "text": ["é=/ %", None],
        "day": [datetime.date(2024, 1, 2), None],
        "moment": pa.array([moment, None], pa.timestamp("us", "UTC")),
        "flag": [True, None],
        "price": [decimal.Decimal("1.50"), None],
        "small": pa.array([7, None], pa.int32()),
    }
    deltalake.write_deltalake(tmp_path / "t", pa.table({"x": [1, 2], **values}), partition_by=list(values))
    _, table = opened(spark, tmp_path / "t")
    assert table.names == ("x", *values)
    first = ("é=/ %", datetime.date(2024, 1, 2), moment, True, decimal.Decimal("1.50"), 7)
    with read_by_spark():
        spark_table = opened(spark, tmp_path / "t")[1]
    assert dict(table.kinds) == dict(spark_table.kinds)
    for one in (table, spark_table):
        assert sorted(raw_rows(one.read([*values, "x"])), key=str) == [(*first, 1), (*[None] * 6, 2)]
        assert rows_of(one, "x") == [(1,), (2,)]
    assert isinstance(table.read(["x"]).scan, PieceScan)
    assert rows_of(table, "price", "text") == [(decimal.Decimal("1.50"), "é=/ %"), (None, None)]


def test_columns_that_only_spark_reads(spark, deltalake, tmp_path, caplog):
    deltalake.write_deltalake(tmp_path / "t", pa.table({"x": [1], "many": [[1, 2]]}))
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.source_reader"):
        assert rows_of(opened(spark, tmp_path / "t")[1], "many", "x") == [([1, 2], 1)]
    assert "types that Arrow does not read as Spark does: 'many' (list<element: int64>)." in caplog.text


def test_a_table_without_rows(spark, deltalake, tmp_path):
    deltalake.DeltaTable.create(tmp_path / "t", deltalake.Schema.from_arrow(pa.schema([("x", pa.int64())])))
    _, table = opened(spark, tmp_path / "t")
    assert (table.names, rows_of(table, "x")) == (("x",), [])


def test_features_that_files_alone_do_not_tell(spark, deltalake, tmp_path):
    deltalake.write_deltalake(tmp_path / "t", pa.table({"x": [1]}))
    features = ["deletionVectors", "timestampNtz"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    (tmp_path / "t" / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"protocol": protocol}))
    with pytest.raises(PlatformError, match=r"needs deletionVectors, which only .* Set spark\.conf: \{spark\.jars"):
        opened(spark, tmp_path / "t")


def test_what_is_no_delta_table(spark, deltalake, tmp_path):
    (tmp_path / "t").mkdir()
    with pytest.raises(DataError, match=r"Delta table 'file:.*/t' cannot be read\. .* Correct data\.source\.path\."):
        opened(spark, tmp_path / "t", format="delta")


def test_the_package_is_asked_for(spark, tmp_path, monkeypatch):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(PlatformError, match=r"Install the extra: pip install 'spark-keras-pipeline\[delta\]', or give"):
        opened(spark, tmp_path / "t")
    with pytest.raises(ConfigError, match=r"is a Delta table, whose folder also contains deleted rows\. Set"):
        opened(spark, tmp_path / "t", format="parquet")
    with pytest.raises(ConfigError, match=r"^'data\.source': quote goes with format: csv or tsv, not delta\.$"):
        opened(spark, tmp_path / "t", quote="'")
    (tmp_path / "u" / "_delta_log").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"A Delta table is one folder\. Received: 2 files and folders"):
        opened(spark, tmp_path / "?")
