"""A data frame's values are found in the vocabulary however pandas spells them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.contract.features import NULL_TOKEN, VocabularyFeature
from pipeline.score.spelling import Categories, number_in

MARKERS = frozenset({"?", "NA", ""})


@pytest.mark.parametrize(
    ("value", "vocabulary", "expected"),
    [
        (True, ("FALSE", "TRUE"), "TRUE"),
        (np.bool_(False), ("False", "True"), "False"),
        (True, ("false", "true"), "true"),
        (98101, ("98101",), "98101"),
        (98101.0, ("98101",), "98101"),
        (98101.0, ("98101", "98101.0"), "98101.0"),
        (98101.0, ("098101", "98101"), "98101"),
        (np.int64(2134), ("02134",), "02134"),
        (2**60 + 1, (str(2**60), str(2**60 + 1)), str(2**60 + 1)),
        (1e-05, ("1.0E-5",), "1.0E-5"),
        (12345678.5, ("1.23456785E7",), "1.23456785E7"),
        (1.5, ("1.50",), "1.50"),
        (Decimal("1.50"), ("1.5",), "1.5"),
        (np.float32(0.1), ("0.10000000149011612",), "0.10000000149011612"),
        (-0.0, ("0",), "0"),
        (float("inf"), ("Infinity",), "Infinity"),
        (1000, ("1_000",), "1000"),
        (7.5, ("8",), "7.5"),
        (pd.Timestamp("2020-01-02"), ("2020-01-02",), "2020-01-02"),
        (pd.Timestamp("2020-01-02 03:00:00.500", tz="CET"), ("2020-01-02 02:00:00.5",), "2020-01-02 02:00:00.5"),
        (date(2020, 1, 2), ("2020-01-02",), "2020-01-02"),
        (" ? ", ("a",), NULL_TOKEN),
        ("NA", ("a", "NA"), NULL_TOKEN),
        ("  ", ("a",), NULL_TOKEN),
        (" a", ("a",), " a"),
        ("1", ("1.0",), "1"),
        (None, ("None",), NULL_TOKEN),
        (float("nan"), ("nan",), NULL_TOKEN),
        (pd.NaT, ("NaT",), NULL_TOKEN),
    ],
)
def test_a_value_is_found_under_every_spelling(value, vocabulary, expected):
    assert (
        Categories(VocabularyFeature(name="c", sources=("c",), vocabulary=vocabulary), MARKERS).text(value) == expected
    )


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("TRUE", 1.0), ("False", 0.0), (" ? ", None), ("", None), ("NaN", None), (" 1.5 ", "1.5"), (2, 2), (None, None)],
)
def test_texts_in_numeric_columns_are_read_as_the_source_was(cell, expected):
    assert number_in(cell, MARKERS) == expected
