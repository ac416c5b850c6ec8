"""Delimited files in pieces have the rows of Spark's reader, on files that nobody would write on purpose."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.sources.decoding.delimited import DelimitedFormat, plan_pieces, read_piece
from pipeline.sources.decoding.header import Dialect, parse_header
from tests.support.delimited import DIALECTS, Sized, check_lines, check_records, rows_in_pieces, rows_of_spark

pytestmark = pytest.mark.spark

REPRESENTATIVES = (DIALECTS[0], DIALECTS[1], DIALECTS[5])
"""Of all dialects, which `scripts/test --full delimited` goes through."""


@pytest.mark.parametrize("options", REPRESENTATIVES, ids=str)
def test_lines(spark, tmp_path, options):
    check_lines(spark, tmp_path, options)


@pytest.mark.parametrize("options", REPRESENTATIVES, ids=str)
def test_records(spark, tmp_path, options):
    check_records(spark, tmp_path, options)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16le"])
def test_wide_encodings(spark, tmp_path, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes('x,y\r\n1,"ü\r\n😀"\r\n\r\n \r\n2\r\n3,ਁĀ'.encode(encoding) + b"\x00\xd8")
    expected = rows_of_spark(spark, path, encoding=encoding)
    assert rows_in_pieces(path, piece_bytes=10, block_bytes=5, encoding=encoding) == expected


@pytest.mark.parametrize("codec", ["bzip2", "deflate", "snappy", "lz4"])
def test_files_that_spark_compressed(spark, tmp_path, codec):
    rows = spark.range(60_000).selectExpr("id AS x", "concat('text', id % 7) AS y").coalesce(1)
    rows.write.csv(str(tmp_path / "t"), header=True, compression=codec)
    (path,) = (tmp_path / "t").glob("part-*")
    found = []
    format = DelimitedFormat(Dialect(","), parse_header(b"x,y\n", Dialect(","), "f"), multiline=False, header_line=True)
    for piece in plan_pieces([Sized(path)], format):
        for batch in read_piece(lambda uri: pa.OSFile(uri, "rb"), piece, format, (0, 1)):
            found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    assert found == [(str(i), f"text{i % 7}", None) for i in range(60_000)]
