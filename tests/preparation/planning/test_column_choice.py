"""Which columns automatic features leave out, and what is said of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.arrays.cells import column_type
from pipeline.preparation.planning.column_choice import (
    constant_columns,
    is_name_of_id,
    unfit_columns,
    unsuitable_columns,
)
from pipeline.preparation.reading.column_readings import ColumnReading
from pipeline.preparation.reading.survey import Survey

ROWS = 100
COUNTED = range(ROWS)


def survey_of(**columns) -> Survey:
    table = pa.table({name: pa.array(list(values)) for name, values in columns.items()})
    readings = {name: ColumnReading(column_type(table[name].type)) for name in table.column_names}
    nulls = {name: table[name].null_count for name in table.column_names}
    return Survey(table.num_rows, readings, nulls, table)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([f"scans/{i}.png" for i in COUNTED], "it holds paths of pictures, such as 'scans/0.png'"),
        ([f"{i}.JPG" for i in COUNTED], "it holds paths of pictures, such as '0.JPG'"),
        ([f"/data/{i}.wav" for i in COUNTED], "it holds paths of files, such as '/data/0.wav'"),
        ([f"C:\\docs\\{i}.docx" for i in COUNTED], "it holds paths of files, such as 'C:\\\\docs\\\\0.docx'"),
        ([f"report {i}.pdf" for i in COUNTED], "it holds paths of files, such as 'report 0.pdf'"),
        ([f"https://a.example/{i}" for i in COUNTED], "it holds addresses, such as 'https://a.example/0'"),
        (["data:image/png;base64,iVBO"] * 50 + ["data:image/png;base64,iVBP"] * 50, "it holds pictures"),
        (["b'\\x89PNG'"] * 50 + ["b'\\xff\\xd8'"] * 50, "it holds bytes"),
        ([f'{{"a": {i % 5}}}' for i in COUNTED], "it holds JSON objects or lists, such as '{\"a\": 0}'"),
        ([f"[{i % 5}, 2]" for i in COUNTED], "it holds JSON objects or lists, such as '[0, 2]'"),
        (
            [f"the room number {i} was clean" for i in COUNTED],
            "it holds free text, such as 'the room number 0 was clean'",
        ),
        ([f"user{i}@mail.example" for i in COUNTED], "nearly every row has another text, such as 'user0@mail.example'"),
    ],
)
def test_texts_that_are_no_categories(values, reason):
    assert unsuitable_columns(survey_of(x=values))["x"].startswith(reason)


@pytest.mark.parametrize(
    "values",
    [
        ["north", "south"] * 50,
        ["and/or", "n/a"] * 50,
        ["Mr. Smith", "v1.2"] * 50,
        ["1/2/2024", "2024.06"] * 50,
        ["a very long name of a category", "another very long name of one"] * 50,
        [f"town {i % 60}" for i in COUNTED],
        [f"user{i}" for i in range(40)],
        ["[north]", "{south}"] * 50,
    ],
)
def test_texts_that_may_be_categories(values):
    assert unsuitable_columns(survey_of(x=values)) == {}


def test_identifiers():
    shuffled = np.random.default_rng(0).permutation(ROWS)
    left_out = unsuitable_columns(
        survey_of(
            row=shuffled + 1,
            customer_id=shuffled * 7,
            PropertyID=np.arange(3 * ROWS)[:ROWS] * 3,
            store_id=shuffled % 10,
            year=np.arange(1900, 1900 + ROWS),
            seconds=shuffled * 7,
            amount=shuffled + 0.5,
        )
    )
    assert left_out == {
        "row": "every row has another number, one after the other",
        "customer_id": "every row has another identifier",
        "PropertyID": "every row has another identifier",
    }
    twice = np.repeat(np.arange(300), 2)
    assert unsuitable_columns(survey_of(account_id=twice, visits=twice)) == {
        "account_id": "its name is that of an identifier, of which there are 300"
    }


def test_constants_and_columns_without_a_value():
    survey = survey_of(one=[7.0] * ROWS, word=["a"] * ROWS, empty=pa.nulls(ROWS, pa.float64()), gaps=[None, 1.0] * 50)
    assert unsuitable_columns(survey) == {"empty": "it has no value in any row"}
    assert constant_columns(survey) == {"one": "it is '7' in every row", "word": "it is 'a' in every row"}


@pytest.mark.parametrize("name", ["id", "ID", "customer_id", "CustomerID", "userId", "row_number", "uuid", "index"])
def test_names_of_identifiers(name):
    assert is_name_of_id(name)


@pytest.mark.parametrize("name", ["paid", "humid", "width", "price_index_change", "PAID", "grid"])
def test_names_of_others(name):
    assert not is_name_of_id(name)


def test_columns_that_cannot_be_a_feature_whatever_they_hold():
    kinds = {
        "s": pa.struct([("a", pa.int64())]),
        "picture": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        "l": pa.list_(pa.int64()),
        "m": pa.map_(pa.string(), pa.int64()),
        "b": pa.binary(),
        "n": pa.null(),
        "t": pa.time64("us"),
    }
    reasons = unfit_columns(["", "km/h", "__secret", "x", *kinds], kinds)
    assert reasons == {
        "": "it has no name; row names look like that",
        "km/h": "the exported model cannot have its name, with '/' in it or '__' at its start: rename it",
        "__secret": "the exported model cannot have its name, with '/' in it or '__' at its start: rename it",
        "s": "it holds structs, which cannot be a feature",
        "picture": "it holds structs with bytes, such as pictures, which cannot be a feature",
        "l": "it holds lists, which cannot be a feature",
        "m": "it holds maps, which cannot be a feature",
        "b": "it holds bytes, such as pictures, which cannot be a feature",
        "n": "it holds no value, which cannot be a feature",
        "t": "it holds values of type time64[us], which cannot be a feature",
    }
