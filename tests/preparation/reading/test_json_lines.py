"""JSON lines read in pieces give the rows that Spark's own reader gives."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.json_lines import json_table
from pipeline.sources.decoding.json_lines import key_names, plan_pieces, read_piece
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark

pytestmark = pytest.mark.spark

NAMES = ("n", "x", "y", "a", "é")

VALUES = [
    # Numbers keep their spelling.
    *[
        b"1.0",
        b"1e5",
        b"1E+2",
        b"-0",
        b"12345678901234567890",
        b"0.10",
        b"007",
        b"-01",
        b".5",
        b"5.",
        b"+1",
        b"-",
        b"1e",
    ],
    *[b"NaN", b"Infinity", b"-Infinity", b"+Infinity", b"INF", b"-INF", b"+INF", b'"NaN"', b"NaN1", b"-Inf", b"0x1"],
    *[b"1" * 1000, b"1" * 1001, b"0." + b"1" * 999, b"0." + b"1" * 1000, b"-" + b"1" * 1000, b"1.e5", b"0e0", b"1_0"],
    *[
        b"true",
        b"false",
        b"null",
        b"tru",
        b"truex",
        b"nul",
        b"None",
        b"undefined",
        b"",
        b"abc",
        b"1 2",
        b"1a",
        b"1\xe9",
    ],
    # Strings.
    *[
        b'"a\\u0000b"',
        b'"\\ud83d\\ude00"',
        b'"\\ud83d"',
        b'"\\ude00x"',
        b'"\\/\\b\\f\\n\\r\\t\\"\\\\"',
        b'"\\x"',
        b'"\\u12"',
    ],
    *[
        b'"\\u12G4"',
        b'"\\\'"',
        b"'a'",
        b"'it\"s'",
        b"'a\\'b'",
        b'"a\tb"',
        b'"a\x00b"',
        b'"\x7f"',
        b'""',
        b"''",
        b'"null"',
    ],
    # Bytes that are no UTF-8, or only for Jackson.
    *[b'"\xff"', b'"\xc3"', b'"\xc3\xa9"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf5\x80\x80\x80"', b'"\xe0\x80\x80"'],
    *[b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xf4\x90\x80\x80"', b'"\xf0\x80\x80\x80"', b'["\xff"]', b'["\xed\xa0\x80"]'],
    # Objects and lists are their own text.
    *[b'{"y": [1 , 2],"x":"\\u0041"}', b"[ 1,{} ]", b'{"x":1,"x":2}', b'{"x":1,}', b"[1,]", b"[,1]", b"{}", b"[]"],
    *[b'{"x":1]', b"[1}", b"[NaN,-INF, 1]", b"[NaN,-INF, 01]", b'{"\\ud83d":1}', b'{"\\ud83d\\ude00":1}', b"[1,abc]"],
    *[b"[" * depth + b"]" * depth for depth in (4, 998, 999, 1000)],
    # Space and comments.
    *[
        b"1 ",
        b"\t1\t",
        b"\x0c1",
        b"1\xc2\xa0",
        b"1//c",
        b"/*c*/1",
        b"1#",
        b"1]",
        b"1}",
        b'"x\x01,"y":"3"',
        b'["x\x01,"y":"3"',
    ],
]
LINES = [
    *[
        b"",
        b" ",
        b"\t ",
        b"\xef\xbb\xbf",
        b'\xef\xbb\xbf{"x":1}',
        b'\xef\xbb\xbf{"x":1',
        b' \xef\xbb\xbf{"x":1}',
        b"\x00",
        b"1",
    ],
    *[
        b'{"x":1} y',
        b'{"x":1}{"x":2}',
        b'{"x":1}]',
        b'{"x":1},',
        b'[{"x":1}] y',
        b"[]",
        b"[{}]",
        b"{}",
        b"{ }",
        b"[null]",
    ],
    *[
        b'[{"x":1},{"y":2}]',
        b'[{"x":1},null]',
        b'[{"x":1},[]]',
        b'[[{"x":1}]]',
        b'[{"x":1},2]',
        b'[{"x":1}',
        b'["x"]',
        b'[""]',
    ],
    *[
        b'[{"x":1},{"y":"\\u1"},{"x":3}]',
        b'{"":5}',
        b'{"x":1,"x":2}',
        b'{"x":1,"x":null}',
        b'{"X":1,"x":2}',
        b"{'x':1}",
    ],
    *[
        b"{x:1}",
        b'{"x" : 1 , "y" : [ 1 ] }',
        b'{"x":1,"y":2',
        b'{"x":1,"y":"z',
        b'{"x":1,"y"',
        b'{"x":1,',
        b'{"',
        b"{",
        b"}",
    ],
    *[b"[", b'"', b"'", b"]", b",", b"{,}", b'{"x":1,,"y":2}', b'{"x" 1}', b'{"x"::1}', b'{"\\u0078":7}', b'{"\\x":7}'],
    *[
        b'{"__malformed":"m","x":1}',
        b'{"__malformed":"m","x":1',
        b'{"\xc3":1,"x":2}',
        b'{"x":{"a":1,}',
        b'{"x":{"a":1,},"x":3}}',
    ],
    *[b'{"' + b"k" * size + b'":1,"x":2}' for size in (50_000, 50_001)],
    *[b'{"x":[{"y":1}}', b'{"x":[tru],"y":2}', b'{"x":{"y":NaN\xc2\xa01},"y":2}', b'{"x":true"y":1}', b"null", b'"{}"'],
]


def spark_rows(spark, path: Path) -> list[tuple]:
    config = SourceConfig(path=str(path), format="json")
    found = open_source(spark, config, storage_path("unused"))
    with read_by_spark():
        rows = json_table(spark, found, config).reader(NAMES).scan.rows
    # As bytes: what is no UTF-8 is decoded here, as the other side does.
    binary = rows.select(*(rows[name].cast("binary") for name in rows.columns)).coalesce(1).collect()
    return [
        tuple(None if value is None else bytes(value).decode("utf-8", "replace") for value in row) for row in binary
    ]


def our_rows(path: Path, piece_bytes: int) -> list[tuple]:
    pieces = plan_pieces([(str(path), path.name, path.stat().st_size)], piece_bytes)
    batches = [batch for piece in pieces for batch in read_piece(pa.OSFile, piece, NAMES, block_bytes=1 << 16)]
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def assert_equal(spark, path: Path, content: bytes) -> list[tuple]:
    path.write_bytes(content)
    expected = spark_rows(spark, path)
    found = our_rows(path, 32 << 20)
    for ours, theirs in zip(found, expected, strict=False):
        assert ours == theirs
    assert len(found) == len(expected)
    assert our_rows(path, 4321) == expected
    return expected


def numbered(lines: list[bytes]) -> bytes:
    """Behind each line one with its number, which tells which rows are whose."""
    return b"".join(b'%s\n{"n":"%d"}\n' % (line, place) for place, line in enumerate(lines))


def test_odd_values_and_lines(spark, tmp_path):
    lines = [b'{"n":1}', *LINES]
    for value in VALUES:
        lines += [
            b'{"a":"1","x":' + value + b',"y":2}',
            b'{"a":"1","skipped":' + value + b',"y":2}',
            b'{"x":' + value + b"}",
        ]
        lines += [b'[{"x":' + value + b'},{"a":5}]', value]
    rows = assert_equal(spark, tmp_path / "t.json", numbered(lines))
    assert len(lines) > 500
    assert sum(row[-1] is not None for row in rows) > 200


def test_line_ends_and_the_first_mark(spark, tmp_path):
    content = b'\xef\xbb\xbf{"n":0,"x":"a"}\r\n{"n":1}\r{"n":2\r\n\r\n\n\r{"n":3}\n\xef\xbb\xbf{"n":4}\n{"n":5}'
    assert len(assert_equal(spark, tmp_path / "t.json", content)) == 6
    assert_equal(spark, tmp_path / "u.json", b'\xef\xbb\xbf{"n":0\r\n{"n":1}')


def test_broken_at_random(spark, tmp_path):
    draw = random.Random(3)
    lines = [b'{"n":1}', *(random_line(draw) for _ in range(6000))]
    rows = assert_equal(spark, tmp_path / "t.json", numbered(lines))
    assert sum(row[-1] is not None for row in rows) > 2000
    assert sum(row[-1] is not None and any(row[:-1]) for row in rows) > 50


PIECES = [
    *[
        b'"a"',
        b'"x"',
        b'"y"',
        b"'x'",
        b"1",
        b"-2.5e3",
        b"true",
        b"null",
        b'"t\\u00e9"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
    ],
    *[
        b'"',
        b"'",
        b"\\",
        b" ",
        b"\\u",
        b"\\ud83d",
        b"\\ude00",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\x01",
        b"tru",
        b"-",
        b"+",
        b".",
    ],
    *[
        b"e",
        b"0",
        b"N",
        b"NaN",
        b"-INF",
        b"/",
        b"#",
        b"\xf0\x9f\x98\x80",
        b'"x":[',
        b'"x":{"a":',
        b"},",
        b"],",
        b"abc",
        b"$",
    ],
]


def random_line(draw: random.Random) -> bytes:
    content = random_object(draw, 0)
    line = json.dumps(content, ensure_ascii=draw.random() < 0.5).encode()
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        start = draw.randrange(len(line) + 1)
        line = (
            line[:start]
            + (draw.choice(PIECES) if draw.random() < 0.7 else b"")
            + line[start + draw.choice([0, 1, 2, 5]) :]
        )
    # Whether Jackson takes a line for UTF-16 is decided by its first bytes, and not followed here.
    return line.replace(b"\n", b" ").replace(b"\r", b" ")


def random_object(draw: random.Random, depth: int) -> dict:
    return {draw.choice(["x", "y", "a", "é", "skipped"]): random_value(draw, depth) for _ in range(draw.randrange(5))}


def random_value(draw: random.Random, depth: int) -> object:
    match draw.randrange(5 if depth == 2 else 8):
        case 0:
            return draw.randrange(-99, 99)
        case 1:
            return draw.random() * 10 ** draw.randrange(-9, 9)
        case 2:
            return draw.choice([True, False, None])
        case 3 | 4:
            return "".join(draw.choice(["a", "b c", "\n", "é", "😀", '"', "'", "{", "]", ",", ":"]) for _ in range(3))
        case 5:
            return [random_value(draw, depth + 1) for _ in range(draw.randrange(3))]
    return random_object(draw, depth + 1)


def test_what_hadoop_compresses(spark, tmp_path):
    jvm, conf = spark._jvm, spark._jsc.hadoopConfiguration()
    rows = [(str(n), str(n**5) * (n % 9)) for n in range(3000)]
    content = b"".join(b'{"n":%s,"x":"%s"}\n' % (n.encode(), x.encode()) for n, x in rows)
    (tmp_path / "plain").write_bytes(content)
    codecs = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf)
    for ending in ("gz", "bz2", "deflate", "snappy", "lz4"):
        path = tmp_path / f"t.json.{ending}"
        codec = codecs.getCodec(jvm.org.apache.hadoop.fs.Path(str(path)))
        written = codec.createOutputStream(jvm.java.io.FileOutputStream(str(path)))
        jvm.org.apache.hadoop.io.IOUtils.copyBytes(jvm.java.io.FileInputStream(str(tmp_path / "plain")), written, conf)
        assert path.stat().st_size < len(content) / 2
        assert [row[:2] for row in our_rows(path, 1000)] == rows


def test_keys_are_those_that_spark_infers(spark, tmp_path):
    path = tmp_path / "t.json"
    keys = [f"k{n}" for n in range(40)]
    lines = [json.dumps({keys[n % 37]: n, keys[(7 * n + 1) % 40]: [{"in": n}]}) for n in range(0, 300, 7)]
    lines[3:6] = [lines[3][:-1], f"[{lines[4]}, {lines[5]}]", "{'single': null, 'n\\u00e4me': {'in': 1}} behind"]
    path.write_text("\n".join(lines))
    (piece,) = plan_pieces([(str(path), path.name, path.stat().st_size)])
    inferred = spark.read.option("columnNameOfCorruptRecord", "corrupt").json(str(path)).columns
    assert {"single", "näme"} < set(inferred)
    assert sorted(key_names(pa.OSFile, piece)) == [name for name in inferred if name != "corrupt"]
