"""Headers as other programs write them."""

from __future__ import annotations

import pytest

from pipeline.errors import DataError
from pipeline.sources.decoding.header import Dialect, looks_like_data, parse_header


@pytest.mark.parametrize(
    ("head", "names", "unnamed"),
    [
        (b"a,b\n1,2\n", ("a", "b"), False),
        (b"a,b", ("a", "b"), False),
        (b"\xef\xbb\xbf\r\n\r\na,b\r\n1,2\r\n", ("a", "b"), False),
        (b'"a ""x""","b,c"\n1,2\n', ('a "x"', "b,c"), False),
        (b'"a","b"\n"1",1,2\n', ("a", "b"), True),
        (b'"a","b"\n"Mazda RX4",1,2\n', ("a", "b"), True),
        # A separator at the end of every line, an index that pandas wrote, and lines that are simply too long:
        (b"a,b\n1,2,\n", ("a", "b"), False),
        (b",a,b\n0,1,2\n", ("", "a", "b"), False),
        (b"a,b\n1,2,3,4\n", ("a", "b"), False),
        # Cut within a sign of two bytes.
        ("a,ü\n1,ü".encode()[:-1], ("a", "ü"), False),
    ],
)
def test_headers(head, names, unnamed):
    header = parse_header(head, Dialect(","), "f")
    assert (header.names, header.unnamed) == (names, unnamed)
    assert header.fields == len(names) + unnamed
    assert header.index(names[-1]) == header.fields - 1


@pytest.mark.parametrize(
    ("head", "dialect", "names"),
    [
        ("ä;b\n".encode("latin-1"), Dialect(";", encoding="iso-8859-1"), ("ä", "b")),
        ("€,b\n".encode("cp1252"), Dialect(",", encoding="windows-1252"), ("€", "b")),
        # With a byte order mark of either kind, and without one.
        ("ä,b\n".encode("utf-16"), Dialect(",", encoding="utf-16"), ("ä", "b")),
        ("\ufeffä,b\n".encode("utf-16be"), Dialect(",", encoding="utf-16"), ("ä", "b")),
        ("ä,b\n".encode("utf-16be"), Dialect(",", encoding="utf-16"), ("ä", "b")),
        ("\ufeffä,b\n".encode("utf-16le"), Dialect(",", encoding="utf-16le"), ("ä", "b")),
        (b"'a,''b',c\n", Dialect(",", quote="'"), ("a,'b", "c")),
        (b'"a \\"x\\"",c\n', Dialect(",", escape="\\"), ('a "x"', "c")),
        (b'5",6"\n', Dialect(",", quote=""), ('5"', '6"')),
    ],
)
def test_dialects(head, dialect, names):
    assert parse_header(head, dialect, "f").names == names


@pytest.mark.parametrize(
    ("head", "encoding", "message"),
    [
        (b"", "utf-8", "File 'f' is empty"),
        (b"a\xff\n", "utf-8", r"is not UTF-8 text \(byte 1\)\. Correct data\.source\.encoding"),
        (b"a\xff\n", "us-ascii", r"is not US-ASCII text \(byte 1\)"),
        (b"a\n" + b"1\n" * 89 + b"\xe4\n" * 11, "utf-8", r"is not UTF-8 text \(byte 180\)"),
    ],
)
def test_what_has_no_header(head, encoding, message):
    with pytest.raises(DataError, match=message):
        parse_header(head, Dialect(",", encoding=encoding), "f")


@pytest.mark.parametrize("lines", [b"\xe4\n", b"1\n" * 90 + b"\xe4\n" * 10, b"1\n" * 900 + b"\xe4\n" * 90])
def test_a_few_lines_below_the_header_may_be_no_text(lines):
    assert parse_header(b"a\n" + lines, Dialect(","), "f").names == ("a",)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x", "y"], False),
        (["country", "2019", "2020"], False),
        (["0", "1", "2"], False),
        (["ham", "go now"], False),
        (["5.1", "3.5", "setosa"], True),
        (["a", "-1"], True),
        (["3", "2", "a"], True),
        (["1", "1", "a"], True),
        (["1e5", "a"], True),
        (["", "a b", "12345678"], True),
    ],
)
def test_names_that_look_like_data(names, expected):
    assert looks_like_data(names) == expected


@pytest.mark.parametrize(
    ("lines", "unnamed"),
    [
        # Row names are all different; the first part of a number with an unquoted decimal comma is not.
        (["r1,1,2", "r2,1,2", "r3,1,2"], True),
        (["1,1,2", "1,3,4", "2,5,6"], False),
        # A first line with one field too many tells nothing of the others, nor does a lack of it.
        (["x,1,2", *["1,2"] * 20], False),
        (["1,2", *(f"r{i},1,2" for i in range(20))], True),
    ],
)
def test_row_names_need_many_lines(lines, unnamed):
    head = "\n".join(["a,b", *lines, ""]).encode()
    assert parse_header(head, Dialect(","), "f").unnamed == unnamed
