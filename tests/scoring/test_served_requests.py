from __future__ import annotations

import re

import pytest

from pipeline.errors import DataError
from pipeline.scoring.served_requests import rows_of_csv


def test_fields_of_csv_are_texts_and_empty_ones_null():
    body = '\ufeffcode,"note, long"\r\n02134,"a ""b""\nc"\r\n\r\n,x\r\n'.encode()
    rows = rows_of_csv(body)
    assert rows == {"columns": ["code", "note, long"], "data": [["02134", 'a "b"\nc'], [None, "x"]]}


def test_a_field_may_be_longer_than_python_s_reader_allows():
    assert rows_of_csv(b"a\n" + b"x" * 200_000)["data"] == [["x" * 200_000]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\r\n", "it is empty"),
        (b"a,b,a\n1,2,3\n", "its header names columns twice: a."),
        (b'a,b\n1,2\n"x\ny",2\n1,2,3\n', "line 5 has 3 fields. Allowed: 2, as in the header."),
        (b'a\n"x\n', "it is no CSV (unexpected end of data)"),
        (b'a\n"x"y\n', "it is no CSV ("),
        (b"a\n\xff\n", "it is no CSV ('utf-8' codec can't decode byte 0xff"),
    ],
    ids=["empty", "twice", "ragged", "open quote", "stray quote", "bytes"],
)
def test_what_is_no_csv_is_refused(body, message):
    with pytest.raises(DataError, match=re.escape(message)):
        rows_of_csv(body)
