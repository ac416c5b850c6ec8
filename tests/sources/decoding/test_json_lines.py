"""JSON lines in pieces: every cut gives the same rows, plain lines give what the parser gives, and files decompress."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import re
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.sources.decoding import blocks, compressed, json_lines
from pipeline.sources.decoding.json_lines import key_names, plan_pieces, read_piece
from pipeline.sources.decoding.json_plain import read_plain
from pipeline.sources.decoding.json_rows import parse_line
from pipeline.sources.decoding.line_numbers import LINE, count_lines
from pipeline.sources.decoding.pieces import MALFORMED, Piece

NAMES = ("x", "größe", "a long name for a key", "r0", "absent")
LINES = [
    b'{"x":1,"r0":"a"}',
    b'{"x": -1.50, "r0": null, "x": true}',
    b' { "x" : "a \\"b\\" \\u00e9\\ud83d\\ude00 \\ud83d" , "a long name for a key" : [ 1 , {"x": "}"} ] } ',
    b"",
    b"   ",
    b"{}",
    b'[{"x":1},{"x":2}]',
    b"[]",
    b'{"x":1',
    b'{"x":01}',
    b'{"x":"\\u12","r0":3}',
    b'{"x":"\xff"}',
    b"{'x':'1'}",
    b'{"x":1} {"x":2}',
    '{"größe":"ä😀","gr\\u00f6\\u00dfe":2}'.encode(),
    b'{"x":\t1}',
    b'{"x":NaN,"r0":1e5,"a long name for a key":-0.0}',
]


def rows_of(content: bytes, names=NAMES, pieces=None, name="t.json", **sizes) -> list[tuple]:
    """The rows of all pieces of a file, each with the malformed text at its end."""
    pieces = plan_pieces([(name, name, len(content))]) if pieces is None else pieces
    batches = [
        batch for piece in pieces for batch in read_piece(lambda _: pa.BufferReader(content), piece, names, **sizes)
    ]
    for batch in batches:
        batch.validate(full=True)
        assert batch.num_rows
        assert batch.schema.names == [*(f"r{i}" for i in range(len(names))), MALFORMED]
        assert set(batch.schema.types) == {pa.string()}
    return [row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]


def parsed(found: list[bytes], names=NAMES) -> list[tuple]:
    """The same by the parser alone."""
    places = {name: place for place, name in enumerate(names)}
    results = [parse_line(line, places) for line in found]
    return [(*row, result.malformed) for result in results for row in result.rows]


def test_what_lines_give():
    assert rows_of(b"\n".join(LINES)) == [
        ("1", None, None, "a", None, None),
        ("true", None, None, None, None, None),
        ('a "b" é😀 ?', None, '[ 1 , {"x": "}"} ]', None, None, None),
        (None, None, None, None, None, None),
        ("1", None, None, None, None, None),
        ("2", None, None, None, None, None),
        (None, None, None, None, None, '{"x":1'),
        (None, None, None, None, None, '{"x":01}'),
        (None, None, None, "3", None, '{"x":"\\u12","r0":3}'),
        (None, None, None, None, None, '{"x":"�"}'),
        ("1", None, None, None, None, None),
        ("1", None, None, None, None, None),
        (None, "2", None, None, None, None),
        ("1", None, None, None, None, None),
        ("NaN", None, "-0.0", "1e5", None, None),
    ]


def test_only_odd_lines_go_to_the_parser():
    odd = read_plain(b"\n".join(LINES) + b"\n").lines.odd
    # Without the empty line.
    assert [int(place) for place in odd.nonzero()[0]] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\n", b" ", b"\xef\xbb\xbf", b"[]\n[]"])
def test_nothing(content):
    assert rows_of(content, pieces=[Piece("t.json", 0, len(content))]) == []
    assert key_names(lambda _: pa.BufferReader(content), Piece("t.json", 0, len(content))) == ()


def test_no_names_are_asked_for():
    assert rows_of(b'{"x":1}\n{"x"', names=()) == [(None,), ('{"x"',)]


def test_a_byte_order_mark_is_none_of_the_first_line():
    mark = b"\xef\xbb\xbf"
    assert rows_of(mark + b'{"x":1}\n' + mark + b'{"x":2}\n', names=["x"]) == [("1", None), ("2", None)]
    assert rows_of(mark + b"{\n" + mark + b"{", names=["x"]) == [(None, "{"), (None, "\ufeff{")]


def test_pieces_are_planned_by_size_and_ending():
    files = [("u/1", "a.json", 10), ("u/2", "b.json.GZ", 10), ("u/3", "c.json", 0), ("u/4", "d.gz", 0), ("u/5", "e", 4)]
    assert plan_pieces(files, 4) == (
        Piece("u/1", 0, 3),
        Piece("u/1", 3, 6),
        Piece("u/1", 6, 10),
        Piece("u/2", 0, None),
        Piece("u/5", 0, 4),
    )
    assert plan_pieces([("u", "a", 1 << 26)]) == (Piece("u", 0, 1 << 25), Piece("u", 1 << 25, 1 << 26))


ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n"])
CONTENTS = st.builds(
    lambda parts, last: b"".join(line + end for line, end in parts) + last,
    st.lists(st.tuples(st.sampled_from([*LINES, b'{"x":"' + b"y" * 60 + b'"}']), ENDS), max_size=12),
    st.sampled_from(LINES),
)


@given(content=CONTENTS, piece=st.integers(1, 90), block=st.integers(1, 200), part=st.integers(1, 200))
def test_every_cut_gives_the_same_rows(content, piece, block, part):
    expected = parsed(content.replace(b"\r", b"\n").split(b"\n"))
    pieces = plan_pieces([("t.json", "t.json", len(content))], piece)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BUFFER_BYTES", 7)
        patch.setattr(json_lines, "PART_BYTES", part)
        assert rows_of(content, pieces=pieces, block_bytes=block) == expected
    assert rows_of(content, pieces=[Piece("t.json", 0, None)], block_bytes=block) == expected


@given(content=CONTENTS, piece=st.integers(1, 90), block=st.integers(1, 200), part=st.integers(1, 200))
def test_rows_have_the_numbers_of_their_lines(content, piece, block, part):
    lines = re.split(rb"\r\n|\r|\n", content)
    expected = [number for number, line in enumerate(lines, 1) for _ in parse_line(line, {}).rows]
    found, before = list[int](), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BUFFER_BYTES", 7)
        patch.setattr(json_lines, "PART_BYTES", part)
        for one in plan_pieces([("t.json", "t.json", len(content))], piece):
            for batch in read_piece(lambda _: pa.BufferReader(content), one, NAMES, numbered=True, block_bytes=block):
                found += [number + before for number in batch[LINE].to_pylist()]
            before += count_lines(lambda _: pa.BufferReader(content), one)
    assert found == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.sampled_from("a, :{}[]'é😀\"\\\n/")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


@given(
    objects=st.lists(st.dictionaries(st.sampled_from(NAMES), JSON), min_size=1, max_size=8),
    ascii=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :  ")]),
    seed=st.none() | st.integers(0, 1 << 32),
)
def test_plain_lines_give_what_the_parser_gives(objects, ascii, separators, seed):
    found = [json.dumps(row, ensure_ascii=ascii, separators=separators).encode() for row in objects]
    if seed is not None:
        found = [mutated(line, random.Random(seed + place)) for place, line in enumerate(found)]
    else:
        assert not read_plain(b"\n".join(found) + b"\n").lines.odd[[row != {} for row in objects]].any()
    assert rows_of(b"\n".join(found)) == parsed(found)


def mutated(line: bytes, draw: random.Random) -> bytes:
    """A line with some bytes replaced, taken out or put in."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        start = draw.randrange(len(line) + 1)
        signs = draw.choice(
            [b"", b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"1", b" ", b"'", b"e", b".", b"\xc3", b"x"]
        )
        line = line[:start] + signs + line[start + draw.choice([0, 0, 1, 3]) :]
    return line


def test_what_jackson_takes_no_more():
    """Plain JSON that is too long or too deep for it."""
    deep = [b"[" * depth + b"]" * depth for depth in (800, 999, 1000)]
    long = [b"1" * digits for digits in (999, 1000, 1001)]
    found = [b'{"x":' + value + b',"r0":1}' for value in [*deep, *long, *(b"[" + number + b"]" for number in long)]]
    found += [b'{"' + b"k" * size + b'":1,"r0":1}' for size in (49_999, 50_000, 50_001)]
    found += [b'{"x":{"' + b"k" * size + b'":1},"r0":1}' for size in (50_000, 50_001)]
    assert rows_of(b"\n".join(found)) == parsed(found)
    assert [row[-1] is None for row in rows_of(b"\n".join(found))] == [
        *[True, True, False],
        *[True, True, False],
        *[True, True, False],
        *[True, True, False],
        *[True, False],
    ]


def test_keys_as_they_first_appear():
    content = b'{"z":1,"a":{"n":1}}\n{"b"\n[{"q":1,"z":2},{"a":1,"p":[{}]}]\n{"m":1,"\\u0061":2,"":3}\n{"late":1,"o":'
    found = [key_names(lambda _: pa.BufferReader(content), Piece("t", 0, stop)) for stop in (1, len(content))]
    assert found == [("z", "a"), ("z", "a", "q", "p", "m", "")]


def hadoop(content: bytes, codec: str, sizes: list[int]) -> bytes:
    """Blocks of one or more parts, as Hadoop writes them."""
    written = b""
    for start in range(0, len(content), sum(sizes)):
        block = content[start : start + sum(sizes)]
        written += len(block).to_bytes(4, "big")
        for place, size in enumerate(sizes):
            part = block[sum(sizes[:place]) :][:size]
            packed = pa.compress(part, codec=codec, asbytes=True) if part else b""
            written += len(packed).to_bytes(4, "big") + packed if part else b""
    return written


CONTENT = b"".join(b'{"x":%d,"r0":"%s"}\n' % (i, b"ab" * (i % 300)) for i in range(3000))
PACKED = {
    "gz": gzip.compress(CONTENT[:5000]) + gzip.compress(CONTENT[5000:]),
    "bz2": bz2.compress(CONTENT[:5000]) + bz2.compress(CONTENT[5000:]),
    "deflate": zlib.compress(CONTENT),
    "zst": pa.compress(CONTENT, codec="zstd", asbytes=True),
    "snappy": hadoop(CONTENT, "snappy", [40_000, 60_000]),
    "lz4": hadoop(CONTENT, "lz4_raw", [40_000, 60_000]),
}


@pytest.mark.parametrize("ending", PACKED)
def test_compressed_files(ending):
    assert set(PACKED) < compressed.ENDINGS
    expected = parsed(CONTENT.split(b"\n"))
    assert rows_of(PACKED[ending], name=f"t.json.{ending}", block_bytes=30_000) == expected


@pytest.mark.parametrize("ending", PACKED)
def test_a_compressed_file_that_ends_too_early(ending):
    with pytest.raises(DataError, match=r"cannot be decompressed: .*(too early|Truncated|truncated)"):
        rows_of(PACKED[ending][:-3], name=f"t.{ending}")


@pytest.mark.parametrize("ending", ["gz", "bz2", "deflate", "zst", "snappy"])
def test_a_file_that_is_not_compressed_as_it_says(ending):
    with pytest.raises(DataError, match="cannot be decompressed: "):
        rows_of(b'{"x":1}\n' * 9, name=f"t.{ending}")
