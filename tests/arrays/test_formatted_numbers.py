"""Numbers with thousands, decimal commas and signs; what breaks the form is no number."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.arrays.formatted_numbers import formatted_numbers_in
from pipeline.schemas.text_reading import TextReading


@pytest.mark.parametrize(
    ("reading", "texts", "numbers"),
    [
        (
            {"thousands": ","},
            ["1,163.74", "12", "-1,000", "1,5", "12,34,567", "1.5e3"],
            [1163.74, 12, -1000, None, None, 1500],
        ),
        ({"decimal": ",", "thousands": "."}, ["1.163,74", "1.234", "1.5", "0,5"], [1163.74, 1234, None, 0.5]),
        ({"decimal": ","}, ["0,5", "1.5", "1,", ",5", ","], [0.5, None, 1, 0.5, None]),
        ({"thousands": " "}, ["1 234.5", "1\u00a0234", "1\u202f234", "1 23"], [1234.5, 1234, 1234, None]),
        ({"thousands": "'"}, ["1'234.5", "1\u2019234"], [1234.5, 1234]),
        ({"symbol": "$"}, ["$5", "-$5", "$-5", "5 $", "($5)", "€5", "5"], [5, -5, -5, 5, -5, None, 5]),
        ({"symbol": "%"}, ["37%", "37 %", "37"], [37, 37, 37]),
        ({}, ["1.5", "1,5", None], [1.5, None, None]),
    ],
)
def test_texts_are_read_by_their_signs(reading, texts, numbers):
    assert formatted_numbers_in(pa.array(texts), TextReading(**reading)).to_pylist() == numbers
