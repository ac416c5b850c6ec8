"""Lines and compressed files that unpack to far more than fits in memory."""

from __future__ import annotations

import bz2
import gzip
import io
import tracemalloc
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from pipeline.errors import DataError
from pipeline.sources.decoding import delimited, json_lines
from pipeline.sources.decoding.compressed import FREE_BYTES, MOST_TIMES
from pipeline.sources.decoding.header import HEAD_BYTES, Dialect, Header, parse_header
from pipeline.sources.decoding.line_numbers import count_lines
from pipeline.sources.decoding.pieces import Piece

MEGABYTE = 1 << 20
LONG = "a line, or a field between quotes, has more than 16 MB"
PACKED = f"it unpacks to more than {MOST_TIMES} times its size; unpacked, it can be read"
Read = Callable[[bytes, str], Iterator[pa.RecordBatch]]


def gzipped(head: bytes, part: bytes, megabytes: int) -> bytes:
    """`part`, which is a megabyte, again and again behind `head`; members of a gzip file may follow each other."""
    return gzip.compress(head) + gzip.compress(part * 50) * (megabytes // 50)


def lines(data: bytes, uri: str) -> Iterator[pa.RecordBatch]:
    return read_csv(data, uri, multiline=False)


def records(data: bytes, uri: str) -> Iterator[pa.RecordBatch]:
    return read_csv(data, uri, multiline=True)


def read_csv(data: bytes, uri: str, *, multiline: bool) -> Iterator[pa.RecordBatch]:
    format = delimited.DelimitedFormat(Dialect(","), Header(("a", "b"), "a,b"), multiline, header_line=True)
    return delimited.read_piece(lambda _: io.BytesIO(data), Piece(uri), format, (0, 1))


def objects(data: bytes, uri: str) -> Iterator[pa.RecordBatch]:
    return json_lines.read_piece(lambda _: io.BytesIO(data), Piece(uri), ("a",))


@pytest.mark.parametrize(
    ("read", "uri", "data"),
    [
        (lines, "f.csv.gz", gzipped(b"a,b\n1,", b"x" * MEGABYTE, 1500)),
        (records, "f.csv.gz", gzipped(b"a,b\n1,", b"x" * MEGABYTE, 1500)),
        (records, "f.csv.gz", gzipped(b'a,b\n1,"', b"x\n" * (MEGABYTE // 2), 1500)),
        (objects, "f.json.gz", gzipped(b'{"a": "', b"x" * MEGABYTE, 1500)),
        (lines, "f.csv", b"a,b\n1," + b"x" * 100 * MEGABYTE),
    ],
    ids=["line", "record", "open quote", "JSON", "not compressed"],
)
def test_a_line_of_1_5_gb_is_refused_before_it_is_in_memory(read: Read, uri: str, data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as raised:
            for _ in read(data, uri):
                pass
        assert str(raised.value) == f"File '{uri}' cannot be read: {LONG}. Rewrite the file, or leave it out."
        assert tracemalloc.get_traced_memory()[1] < 500 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_counting_lines_is_bounded_too() -> None:
    data = gzipped(b"a,b\n1,", b"x" * MEGABYTE, 1500)
    with pytest.raises(DataError, match=LONG):
        count_lines(lambda _: io.BytesIO(data), Piece("f.csv.gz"))


@pytest.mark.parametrize(
    ("read", "uri", "data"),
    [
        (lines, "f.csv.gz", gzipped(b"a,b\n", b"\n" * MEGABYTE, 1500)),
        (lines, "f.csv.gz", gzipped(b"a,b\n", b"1,2\n" * (MEGABYTE // 4), 1500)),
        (records, "f.csv.bz2", bz2.compress(b"a,b\n") + bz2.compress(b"1,2\n" * (12 * MEGABYTE)) * 30),
    ],
    ids=["empty lines", "lines", "bzip2"],
)
def test_endless_lines_end(read: Read, uri: str, data: bytes) -> None:
    rows = 0
    with pytest.raises(DataError, match=PACKED):
        for batch in read(data, uri):
            rows += len(batch)
    assert rows <= (FREE_BYTES + (8 << 20)) // 4


def test_what_has_many_lines_alike_is_read() -> None:
    data = gzip.compress(b"a,b\n" + b"".join(b"%d,1\n" % (number % 1000) for number in range(3_000_000)))
    assert sum(map(len, lines(data, "f.csv.gz"))) == 3_000_000


def test_a_first_line_without_an_end_names_no_columns() -> None:
    with pytest.raises(DataError, match=r"The first line of file 'f\.csv', which must name .* more than 1 MB\. "):
        parse_header(b"a," + b"x" * HEAD_BYTES, Dialect(","), "f.csv")
