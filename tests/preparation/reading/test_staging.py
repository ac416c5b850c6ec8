"""What only Spark reads is written once, and then read by tasks."""

from __future__ import annotations

import datetime
import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.piece_scan import PieceScan
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.reading.staging import staged
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

pytestmark = pytest.mark.spark


def read(spark, wanted: list[str], **source) -> RawTable:
    config = SourceConfig(**source)
    with read_by_spark():
        return open_table(spark, open_source(spark, config, storage_path("unused")), config).read(wanted)


def check_staged(raw: RawTable, place: Path | str) -> list[tuple]:
    found = staged(raw, storage_path(str(place)))
    assert isinstance(found.scan, PieceScan) and found.columns == raw.columns
    rows = sorted(raw_rows(found), key=repr)
    assert rows == sorted(raw_rows(raw), key=repr)
    return rows


def test_rows_of_a_query(spark, tmp_path):
    query = (
        "SELECT id, DATE '0100-03-01' + CAST(id AS INT) `a.b`, TIMESTAMP '0100-03-01 00:00:00.000001' t, "
        "TIMESTAMP_NTZ '2020-01-01 00:00:00' n, CAST(id AS DECIMAL(20, 2)) p, IF(id = 1, NULL, 'x') s FROM RANGE(3)"
    )
    raw = read(spark, ["p", "a.b", "t", "n", "s", "id"], query=query)
    rows = check_staged(raw, tmp_path / "staging")
    moments = (
        datetime.datetime(100, 3, 1, 0, 0, 0, 1, datetime.UTC),
        datetime.datetime(2020, 1, 1),
    )
    assert rows[0] == (Decimal("0.00"), datetime.date(100, 3, 1), *moments, "x", 0)


def test_malformed_lines(spark, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2\n,b\n")
    raw = read(spark, ["y", "x"], path=str(tmp_path / "t.csv"))
    assert [row[-1] for row in check_staged(raw, tmp_path / "staging")].count("2") == 1


def test_no_rows(spark, tmp_path):
    assert check_staged(read(spark, ["id"], query="SELECT id FROM RANGE(3) WHERE id > 5"), tmp_path / "staging") == []


def test_a_root_in_a_bucket_with_settings_behind_its_path(spark_with_bucket, bucket, s3_server, monkeypatch):
    for given in (spark_with_bucket.sparkContext.environment, os.environ):
        monkeypatch.setitem(given, "AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    spark_with_bucket.range(4).createOrReplaceTempView("four")
    for count, source in {3: {"query": "SELECT id FROM RANGE(3)"}, 4: {"table": "four"}}.items():
        place = f"{bucket}/{count}?endpoint_override=http://{s3_server.address}"
        assert len(check_staged(read(spark_with_bucket, ["id"], **source), place)) == count


def test_what_is_read_anew_by_each_pass(spark, tmp_path, caplog):
    nested = read(spark, ["a"], query="SELECT array(1, 2) a")
    assert staged(nested, storage_path(str(tmp_path / "staging"))) is nested
    assert not (tmp_path / "staging").exists()
    (tmp_path / "file").write_text("")
    plain = read(spark, ["a"], query="SELECT 1 a")
    with caplog.at_level(logging.INFO, "pipeline.preparation.reading.staging"):
        assert staged(plain, storage_path(str(tmp_path / "file" / "staging"))) is plain
    assert "Each pass reads the source again: it cannot be staged in file://" in caplog.text
