"""Delimited files in pieces: the same records however a file is cut, and those that univocity's rules give."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import re
import zlib
from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.arrays.cells import number_of, without_markers
from pipeline.errors import DataError
from pipeline.sources.decoding.batches import NO_NUMBERS, NumberFields
from pipeline.sources.decoding.characters import Signs
from pipeline.sources.decoding.decoding import BROKEN, REPLACEMENT, decode, utf8_chunks
from pipeline.sources.decoding.delimited import DelimitedFormat, plan_pieces, read_piece
from pipeline.sources.decoding.fields import FieldParser
from pipeline.sources.decoding.header import Dialect, Header
from pipeline.sources.decoding.line_numbers import LINE, count_lines
from pipeline.sources.decoding.pieces import MALFORMED, Piece
from tests.support.delimited import has_broken_quotes, has_open_quotes, physical_lines

HEADER = Header(("x", "y", "z"), "x,y,z")
DIALECTS = (Dialect(","), Dialect(",", escape="\\"), Dialect("\t"), Dialect(",", quote=""), Dialect(";", quote="«"))
Row = tuple[str | None, ...]


@dataclass(frozen=True)
class File:
    uri: str
    bytes: int


def read(
    data: bytes,
    dialect: Dialect = DIALECTS[0],
    columns: tuple[int, ...] = (0, 1, 2),
    *,
    multiline: bool = False,
    header: Header = HEADER,
    uri: str = "f.csv",
    piece_bytes: int = 32 << 20,
    block_bytes: int = 8 << 20,
) -> list[Row]:
    """All rows of a file, piece by piece."""
    format = DelimitedFormat(dialect, header, multiline, header_line=not header.unnamed)
    rows = []
    for piece in plan_pieces([File(uri, len(data))], format, piece_bytes):
        for batch in read_piece(lambda _: io.BytesIO(data), piece, format, columns, block_bytes=block_bytes):
            batch.validate(full=True)
            assert batch.schema.names == [*(f"r{i}" for i in range(len(columns))), MALFORMED]
            assert set(batch.schema.types) == {pa.string()}
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    return rows


def numbers(data: bytes, dialect: Dialect, *, multiline: bool = False, piece_bytes: int, block_bytes: int) -> list[int]:
    """The numbers of the lines of all rows of a file, piece by piece."""
    format, found, before = DelimitedFormat(dialect, HEADER, multiline, header_line=True), list[int](), 0
    for piece in plan_pieces([File("f.csv", len(data))], format, piece_bytes):
        for batch in read_piece(
            lambda _: io.BytesIO(data), piece, format, (0,), numbered=True, block_bytes=block_bytes
        ):
            assert batch.schema.names == ["r0", MALFORMED, LINE]
            found += [number + before for number in batch[LINE].to_pylist()]
        before += count_lines(lambda _: io.BytesIO(data), piece)
    return found


def row_of(fields: list[str], text: str) -> Row:
    values = [(fields[i] or None) if i < len(fields) else None for i in range(3)]
    return (*values, None if len(fields) == 3 else text)


def lines_by_rules(text: str, dialect: Dialect) -> list[Row]:
    """What univocity's rules alone give for lines, the first of which is the header."""
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip("".join(map(chr, range(1, 33))))]
    parser = FieldParser(Signs.of(dialect))
    return [row_of(parser.parse(line)[0], line) for line in lines[1:]]


def records_by_rules(text: str, dialect: Dialect, line_end: str) -> list[Row]:
    """What univocity's rules alone give for records behind the header."""
    parser, at, rows = FieldParser(Signs.of(dialect), line_end), 0, list[Row]()
    while at < len(text):
        fields, end = parser.parse(text, at)
        record = text[at:end]
        if fields:
            rows.append(
                row_of(fields, record[: -2 if record.endswith("\r\n") else -1 if record[-1] in "\r\n" else None])
            )
        at = end
    return rows


@st.composite
def texts(draw, line_ends: str | None = None) -> tuple[Dialect, str]:
    """Lines of three fields, most of them sound, and some that are not."""
    dialect = draw(st.sampled_from(DIALECTS))
    s, q = dialect.separator, dialect.quote or '"'
    e = dialect.escape or q
    end = st.sampled_from(["\n", "\r\n", "\r"]) if line_ends is None else st.just(line_ends)
    within = st.sampled_from(["", "a", f"b{s}", f"{e}{q}c", f"{e}{e}", " d ", "é", *([line_ends] if line_ends else [])])
    plain = st.sampled_from(["", "1", " ", "x y", "ü", "\t" if s != "\t" else ""])
    cell = plain | within.map(lambda value: f"{q}{value}{q}")
    sound = st.lists(cell, min_size=3, max_size=3).map(s.join)
    odd = st.text(alphabet=[s, s, q, q, e, "a", " ", "\t", "\0", "ß"], max_size=8)
    lines = st.lists(st.tuples(sound | sound | sound | odd, end), max_size=12)
    head = s.join("xyz") + draw(end)
    return dialect, head + "".join(line + sign for line, sign in draw(lines))


NUMBER_CELLS = st.sampled_from(
    [
        "1",
        "-2.5",
        " 3 ",
        "1e3",
        "",
        "NA",
        " NA",
        "inf",
        "-Infinity",
        "nan",
        "-nan",
        "nan(1)",
        "+4",
        "0x1p3",
        "1d",
        "true",
    ]
    + ["7", "8.25", "9"] * 6
)


@settings(max_examples=300)
@given(st.lists(st.tuples(NUMBER_CELLS, st.sampled_from(["a", "NA", "", '"b"'])), max_size=8), st.integers(1, 40))
def test_numbers_read_as_doubles_are_those_of_the_texts(rows, block_bytes):
    """Block for block, null markers included."""
    data = "".join(f"{line}\n" for line in ["x,y,z", *(f"{number},{text},1" for number, text in rows)]).encode()
    format = DelimitedFormat(DIALECTS[0], HEADER, multiline=False, header_line=True)
    (piece,) = plan_pieces([File("f.csv", len(data))], format)

    def batches(numbers: NumberFields) -> list[pa.RecordBatch]:
        read = read_piece(lambda _: io.BytesIO(data), piece, format, (0, 1), numbers=numbers, block_bytes=block_bytes)
        return list(read)

    def marked(column: pa.Array) -> pa.Array:
        return without_markers(column, ("NA", "")) if pa.types.is_string(column.type) else column

    for text, double in zip(batches(NO_NUMBERS), batches(NumberFields((0,), ("NA",))), strict=True):
        numbers = [number_of(marked(batch["r0"])).to_pylist() for batch in (text, double)]
        assert str(numbers[0]) == str(numbers[1])
        assert marked(text["r1"]).equals(marked(double["r1"]))


def test_sound_numbers_come_as_doubles_until_a_field_is_none():
    data = b"x,y,z\n" + b"1.5,a,1\n" * 3 + b"one,a,1\n" + b"2.5,a,1\n" * 3
    format = DelimitedFormat(DIALECTS[0], HEADER, multiline=False, header_line=True)
    (piece,) = plan_pieces([File("f.csv", len(data))], format)
    batches = read_piece(lambda _: io.BytesIO(data), piece, format, (0,), numbers=NumberFields((0,)), block_bytes=10)
    kinds = [str(batch["r0"].type) for batch in batches]
    assert {*kinds} == {"double", "string"} and kinds == sorted(kinds)


@settings(max_examples=300)
@given(texts(), st.integers(1, 60), st.integers(1, 60))
def test_lines_are_the_same_however_a_file_is_cut(case, piece_bytes, block_bytes):
    dialect, text = case
    assume(not has_open_quotes(text, dialect))
    expected = lines_by_rules(text, dialect)
    assert read(text.encode(), dialect) == expected
    assert read(text.encode(), dialect, piece_bytes=piece_bytes, block_bytes=block_bytes) == expected


@settings(max_examples=300)
@given(texts(), st.integers(1, 60), st.integers(1, 60))
def test_rows_have_the_numbers_of_their_lines(case, piece_bytes, block_bytes):
    dialect, text = case
    lines = re.split("\r\n|\r|\n", text)
    expected = [i for i, line in enumerate(lines, 1) if line.strip("".join(map(chr, range(1, 33))))][1:]
    for size in (piece_bytes, 1000):
        assert numbers(text.encode(), dialect, piece_bytes=size, block_bytes=block_bytes) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block_bytes", [3, 7, 1000])
@pytest.mark.parametrize("odd", ["short", '"a"b,c,d', "1,2,3"])
def test_records_have_the_numbers_of_their_first_lines(end, block_bytes, odd):
    lines = ["x,y,z", "", '1,"a', "b", "", 'c",3', odd, "4,5,6", ""]
    data = end.join(lines).encode()
    for dialect in (DIALECTS[0], Dialect(",", "'")):
        expected = [3, 7, 8] if dialect.quote == '"' else [3, 4, 6, 7, 8]
        assert numbers(data, dialect, multiline=True, piece_bytes=1000, block_bytes=block_bytes) == expected


@settings(max_examples=300)
@given(
    st.sampled_from(["\n", "\r\n", "\r"]).flatmap(lambda end: st.tuples(texts(end), st.just(end))), st.integers(1, 60)
)
def test_records_are_the_same_however_a_file_is_read(case, block_bytes):
    (dialect, text), end = case
    body = text[len("x,y,z" + end) :]
    assume(not has_broken_quotes(body, end, dialect))
    expected = [line for row in records_by_rules(body, dialect, end) for line in physical_lines(row)]
    assert read(text.encode(), dialect, multiline=True) == expected
    assert read(text.encode(), dialect, multiline=True, block_bytes=block_bytes) == expected


@pytest.mark.parametrize("block_bytes", [5, 20, 1000])
def test_halves_of_a_line_are_malformed(block_bytes):
    lines = ['1,2,"a', 'b"', "4,5,6", '1,2,5" pipe', '7,8,"a', "b", 'c",8,9', '1,2,"']
    data = "\n".join(["x,y,z", *lines]).encode()
    malformed = [row[-1] for row in read(data, block_bytes=block_bytes)]
    assert malformed == [*lines[:2], None, None, *lines[4:]]


@pytest.mark.parametrize("block_bytes", [5, 20, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_without_its_partner_is_malformed_on_every_line_that_it_takes(end, block_bytes):
    open_until_another = ['1,2,"a', '3,"b",c']
    open_to_the_end = ['1,2,"a', "3,4,5", "6,7,8"]
    data = end.join(["x,y,z", "1,2,3", *open_until_another, "4,5,6", *open_to_the_end, ""]).encode()
    rows = read(data, multiline=True, block_bytes=block_bytes)
    assert [row[-1] for row in rows] == [None, *open_until_another, None, *open_to_the_end]
    assert numbers(data, Dialect(","), multiline=True, piece_bytes=1000, block_bytes=block_bytes) == [*range(2, 9)]


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 5, 8, 1000])
def test_a_header_behind_empty_lines_belongs_to_one_piece(piece_bytes):
    data = b"\xef\xbb\xbf\r\n \n\t\n  x,y,z\r\n1,2,3\n\n4,5,6"
    assert read(data, piece_bytes=piece_bytes) == [("1", "2", "3", None), ("4", "5", "6", None)]


@pytest.mark.parametrize("separator", [",", "\t", " "])
@pytest.mark.parametrize("block_bytes", [3, 1000])
def test_a_line_of_nuls_is_malformed(separator, block_bytes):
    nuls = "\0" * 9
    data = f"x,y,z\n1,2,3\n{nuls}\n4,5,6\n".replace(",", separator).encode()
    rows = read(data, Dialect(separator), block_bytes=block_bytes)
    assert rows == [("1", "2", "3", None), (nuls, None, None, nuls), ("4", "5", "6", None)]


def test_columns_come_as_they_are_asked_for():
    data = b"x,y,z\n1,2,3\n4,5\n"
    assert read(data, columns=(2, 0, 2)) == [("3", "1", "3", None), (None, "4", None, "4,5")]
    assert read(data, columns=()) == [(None,), ("4,5",)]


def test_what_is_kept_and_what_is_null():
    data = b'x,y,z\n1,"", a \n,,\n"a,b","say ""so""",\xc3\xa9\n'
    assert read(data) == [("1", None, " a ", None), (None, None, None, None), ("a,b", 'say "so"', "é", None)]


def test_quotes_in_odd_places():
    data = b'x,y,z\n5",a"b"c,"d"e\n"a" ,"b" c,"d\n"a\n1,2,3,"4"\n'
    assert read(data) == [
        ('5"', 'a"b"c', '"d"e', None),
        # The last quote is open: half a line.
        ("a", '"b" c', "d", '"a" ,"b" c,"d'),
        ("a", None, None, '"a'),
        ("1", "2", "3", '1,2,3,"4"'),
    ]


@pytest.mark.parametrize("multiline", [False, True])
def test_escapes_and_nul_count_where_univocity_says(multiline):
    data = b'x,y,z\n"a\\"b","\\\\",\\\\\n\\\\,"c\\d",\\"\n'
    assert read(data, Dialect(",", escape="\\"), multiline=multiline) == [
        ('a"b', "\\", "\\\\", None),
        ("\\\\", "c\\d", '\\"', None),
    ]
    data = b'x,y,z\n\0,"a\0","b""\0c"\n1,2,3\n'
    assert read(data, multiline=multiline) == [("\0", "a\0", 'b"c', None), ("1", "2", "3", None)]


def test_the_header_of_r_is_left_out_wherever_it_is():
    header = Header(("x", "y"), '"x" "y"', unnamed=True)
    data = b'"x" "y"\n"1" 10 "a b"\n"x" "y"\n"2" 20\n'
    for multiline in (False, True):
        rows = read(data, Dialect(" "), (1, 2), header=header, multiline=multiline)
        assert rows == [("10", "a b", None), ("20", None, '"2" 20')]


@pytest.mark.parametrize("multiline", [False, True])
@pytest.mark.parametrize("data", [b"", b"\n\n", b"x,y,z", b"x,y,z\r\n", b"\n\nx,y,z\n\n"])
def test_files_without_rows(data, multiline):
    assert read(data, multiline=multiline) == []


def test_a_line_longer_than_blocks_and_pieces():
    long = "a" * 5000
    data = f'x,y,z\n1,{long},3\n4,"{long}",6\n'.encode()
    expected = [("1", long, "3", None), ("4", long, "6", None)]
    assert read(data, piece_bytes=100, block_bytes=64) == expected
    assert read(data, multiline=True, block_bytes=64) == expected


@pytest.mark.parametrize("multiline", [False, True])
def test_a_mark_within_a_file_is_text(multiline):
    data = codecs.BOM_UTF8 + "x,y,z\n1,2,3\n\ufeff4,5,6\n".encode()
    for block_bytes in (1, 6, 100):
        rows = read(data, multiline=multiline, block_bytes=block_bytes)
        assert rows == [("1", "2", "3", None), ("\ufeff4", "5", "6", None)]


@pytest.mark.parametrize(
    ("encoding", "codec"), [("utf-16", "utf-16"), ("utf-16", "utf-16-be"), ("utf-16le", "utf-16-le")]
)
def test_wide_encodings(encoding, codec):
    data = 'x,y,z\r\nਁ,"Ā\r\n😀",ü\r\n1,2\r\n'.encode(codec)
    for block_bytes in (1, 3, 4, 1000):
        rows = read(data, Dialect(",", encoding=encoding), block_bytes=block_bytes)
        assert rows == [("ਁ", "Ā\n😀", "ü", None), ("1", "2", None, "1,2")]


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        # What Java 17 makes of these, in String(bytes, charset) and InputStreamReader alike.
        (b"a\xff\xed\xa0\x80\xf0\x9f,b", "utf-8", "a\ufffd\ufffd\ufffd,b"),
        (b"\xe2\x82\xc3", "utf-8", "\ufffd\ufffd"),
        (b"\xf4\x90\x80\xed\xa0", "utf-8", "\ufffd\ufffd\ufffd\ufffd"),
        (b"\x80\x81\x9d", "windows-1252", "€\ufffd\ufffd"),
        (b"a\xe4", "us-ascii", "a\ufffd"),
    ],
)
def test_what_is_no_text(data, encoding, text):
    text = text.replace(REPLACEMENT, BROKEN)
    assert decode(data, encoding) == text
    for size in (1, 2, 100):
        parts = [data[i : i + size] for i in range(0, len(data), size)]
        assert b"".join(utf8_chunks(parts, encoding)).decode() == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x00a\xd8\x00\x00b\x00c", "a\ufffdc"),
        (b"\xdc\x00\x00a\xd8", "\ufffda\ufffd"),
        (b"\xff\xfea\x00\x41\xd8", "a\u41d8"),
    ],
)
def test_what_is_no_utf_16(data, text):
    text = text.replace(REPLACEMENT, BROKEN)
    assert b"".join(utf8_chunks([data], "utf-16")).decode() == text
    assert b"".join(utf8_chunks([data[i : i + 1] for i in range(len(data))], "utf-16")).decode() == text


def test_invalid_bytes_beside_sound_lines():
    data = b"x,y,z\n1,a\xff,3\n4,5,6\n\xff,\n"
    expected = [("1", "a\ufffd", "3", "1,a\ufffd,3"), ("4", "5", "6", None), ("\ufffd", None, None, "\ufffd,")]
    assert read(data) == expected
    assert read(data, multiline=True) == expected


@pytest.mark.parametrize("multiline", [False, True])
@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        (b"1,Town\xffhouse,3", "utf-8"),
        (b'1,"Town\xed\xa0\x80house",3', "utf-8"),
        (b"1,Town\x81house,3", "windows-1252"),
        (b"\x001\x00,\x00T\x00o\x00w\x00n\xdc\x00\x00h\x00o\x00u\x00s\x00e\x00,\x003", "utf-16be"),
    ],
)
def test_a_line_with_bytes_that_are_no_text_is_malformed(line, encoding, multiline):
    sound = "4,Town\ufffd\u00e4,6" if encoding != "windows-1252" else "4,Town,6"
    data = "x,y,z\n".encode(encoding) + line + f"\n{sound}\n".encode(encoding)
    broken, good = read(data, Dialect(",", encoding=encoding), multiline=multiline)
    assert broken[:3] == ("1", "Town\ufffdhouse", "3")
    assert broken[3].replace('"', "") == "1,Town\ufffdhouse,3"
    assert good == (*sound.split(","), None)


def test_a_line_is_malformed_whichever_columns_are_read():
    data = b"x,y,z\n1,Town\xffhouse,3\n4,5,6\n"
    assert [row[-1] for row in read(data, columns=(0,))] == ["1,Town\ufffdhouse,3", None]


def hadoop_blocks(data: bytes, codec: str, size: int = 1000) -> bytes:
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    packed = [pa.Codec(codec).compress(part, asbytes=True) for part in parts]
    sizes = [(len(part), len(pack)) for part, pack in zip(parts, packed, strict=True)]
    return b"".join(
        whole.to_bytes(4, "big") + short.to_bytes(4, "big") + pack
        for (whole, short), pack in zip(sizes, packed, strict=True)
    )


COMPRESS = {
    "gz": lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
    "bz2": lambda data: bz2.compress(data[:1000]) + bz2.compress(data[1000:]),
    "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    "deflate": zlib.compress,
    "snappy": lambda data: hadoop_blocks(data, "snappy"),
    "lz4": lambda data: hadoop_blocks(data, "lz4_raw"),
}


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files(ending):
    rows = [(str(i), str(i * i), "ü") for i in range(500)]
    data = COMPRESS[ending]("\n".join(map(",".join, [("x", "y", "z"), *rows])).encode())
    expected = [(*row, None) for row in rows]
    for multiline in (False, True):
        assert read(data, multiline=multiline, uri=f"a.b/t.csv.{ending}", block_bytes=333, piece_bytes=100) == expected
    with pytest.raises(DataError, match=rf"File 't\.csv\.{ending}' cannot be decompressed: "):
        read(data[: len(data) // 2], uri=f"t.csv.{ending}")


def test_pieces_follow_sizes_and_names():
    format = DelimitedFormat(Dialect(","), HEADER, multiline=False, header_line=True)
    files = [File("a/gz", 25), File("b.csv", 0), File("c.csv.gz", 25), File("d.csv", 20)]
    pieces = [("a/gz", 0, 10), ("a/gz", 10, 20), ("a/gz", 20, 25), ("c.csv.gz", 0, None)]
    pieces += [("d.csv", 0, 10), ("d.csv", 10, 20)]
    assert plan_pieces(files, format, 10) == tuple(Piece(*piece) for piece in pieces)
    for dialect, multiline in ((Dialect(",", encoding="utf-16le"), False), (Dialect(","), True)):
        whole = DelimitedFormat(dialect, HEADER, multiline, header_line=True)
        assert plan_pieces(files[:1], whole, 10) == (Piece("a/gz", 0, None),)


class Counted(io.BytesIO):
    """Remembers how much was asked for at once, and whether it was closed."""

    largest = 0
    opened = 0

    def read(self, size: int | None = -1, /) -> bytes:
        Counted.largest = max(Counted.largest, 1 << 60 if size is None or size < 0 else size)
        return super().read(size)

    def close(self) -> None:
        Counted.opened -= 1
        super().close()


def test_a_piece_reads_its_own_bytes_and_closes_the_file():
    data = b"x,y,z\n" + b"1,2,3\n" * 10_000
    format = DelimitedFormat(Dialect(","), HEADER, multiline=False, header_line=True)

    def opened(uri: str) -> Counted:
        Counted.opened += 1
        return Counted(data)

    batches = read_piece(opened, Piece("f", 0, 30_000), format, (0,), block_bytes=6000)
    assert next(batches).num_rows == 999
    batches.close()
    assert (Counted.largest, Counted.opened) == (6000, 0)


@pytest.mark.parametrize(
    ("data", "dialect", "message"),
    [
        (b"x,y,z\n" + b"," * 20_480, Dialect(","), r"A line has 20,481 fields\. Allowed: 20,480\."),
        (b"x,y,z\n", Dialect("\\"), r"Spark cannot read fields between '\\'"),
        (b"x,y,z\n", Dialect("😀"), r"Allowed: characters of Unicode's first plane"),
        (b'x,y,z\n"a"' + b'\\"' * 4000, Dialect(",", escape="\\"), r"A field has too many escapes: "),
    ],
)
def test_what_spark_cannot_read(data, dialect, message):
    with pytest.raises(DataError, match=message):
        read(data, dialect)
