"""What a column of texts is, by all of its values; what contradicts itself stays text, with a word."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.arrays.text_types import describe_texts
from pipeline.preparation.reading.column_readings import ColumnEvidence, ColumnReading
from pipeline.schemas.text_reading import PLAIN, TextReading


def reading_of(texts: list[str], separator: str = ",", given: TextReading = PLAIN) -> ColumnReading:
    return ColumnEvidence(*describe_texts(pa.array(texts)), given).reading(separator)


@pytest.mark.parametrize(
    ("texts", "separator", "kind", "reading"),
    [
        (["1", "2"], ",", "integer", {}),
        (["1.5", "2", "N/A", "-"], ",", "number", {"nulls": ("-", "N/A")}),
        (["nan", "1", "2"], ",", "integer", {"nulls": ("nan",)}),
        (["true", "NaN", "False"], ",", "boolean", {"nulls": ("NaN",)}),
        (["1,163.74", "950.2"], ";", "number", {"thousands": ","}),
        (["1.163,74", "950,2", "1.000"], ";", "number", {"decimal": ",", "thousands": "."}),
        (["1 234,5", "5"], ";", "number", {"decimal": ",", "thousands": " "}),
        (["1'234.50", "12.1"], ";", "number", {"thousands": "'"}),
        (["0,5", "0,123"], ",", "number", {"decimal": ","}),
        # One comma before three digits may be either: of semicolons between fields follows that it is the decimal sign.
        (["450,000", "120,000"], ",", "number", {"thousands": ","}),
        (["450,000", "120,000"], ";", "number", {"decimal": ","}),
        (["450,000", "1,120,000"], ";", "number", {"thousands": ","}),
        (["$5", "$1,018.92"], ",", "number", {"thousands": ",", "symbol": "$"}),
        (["€ 1.234", "€ 5"], ";", "number", {"thousands": ".", "symbol": "€"}),
        (["(5.00)", "$7.00"], ",", "number", {"symbol": "$"}),
        (["37%", "5%"], ",", "number", {"symbol": "%"}),
        (["31/12/2024", "1/2/2024"], ",", "date", {"date": "d/M/yyyy"}),
        (["12/31/2024", "1/2/2024", "-"], ",", "date", {"nulls": ("-",), "date": "M/d/yyyy"}),
        (["2024-01-01T00:00:00Z", "2024-01-01"], ",", "timestamp", {}),
        (["2024-01-01", "N/A"], ",", "date", {"nulls": ("N/A",)}),
        (["a", "N/A"], ",", "text", {}),
        (["12:30", "1-2"], ",", "text", {}),
    ],
)
def test_readings(texts, separator, kind, reading):
    found = reading_of(texts, separator)
    assert (found.type, found.reading) == (kind, TextReading(**reading))


@pytest.mark.parametrize(
    ("texts", "remark"),
    [
        (["00501", "10001"], "is text: leading zeros, as in '00501', would be lost in numbers"),
        (["37%", "5"], "is text: only 1 of 2 numbers are percentages"),
        (["$5", "€5"], "is text: its numbers have different signs, $, €"),
        (
            ["12.5", "1,5", "$1.5"],
            "is text: some numbers have a decimal point, and others, such as '1,5', a decimal comma",
        ),
        (["1", "2", "about 3"], "is text: only 2 of 3 values are numbers, and others are not, such as 'about 3'"),
        (
            ["1/2/2024"],
            "is text: its dates, such as '1/2/2024', are ambiguous, since day and month cannot be told apart",
        ),
        (["12/31/2024", "31/2/2024"], "are ambiguous, since some are day-first and others month-first"),
    ],
)
def test_what_stays_text_is_said(texts, remark):
    found = reading_of(texts)
    assert (found.type, found.reading) == ("text", PLAIN)
    assert remark in found.remark


def test_configured_signs_are_not_guessed():
    given = TextReading(decimal=",", thousands=".")
    assert reading_of(["1.234", "5"], given=given).reading == given
    assert reading_of(["1,234"], given=TextReading(thousands=",")).reading == TextReading(thousands=",")
    assert reading_of(["1,234"], given=TextReading(decimal=",")).reading.decimal == ","
