"""A data frame's values are found in the vocabulary however pandas spells them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN
from pipeline.scoring.spelling import Categories, categories_of, number_in

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
        (98101.0, (), "98101.0"),
        (True, (), "true"),
        (pd.Timestamp("2020-01-02 03:00:00.500", tz="CET"), (), "2020-01-02 02:00:00.5"),
        (pd.NaT, ("NaT",), NULL_TOKEN),
    ],
)
def test_a_value_is_found_under_every_spelling(value, vocabulary, expected):
    assert Categories(vocabulary, MARKERS).text(value) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("TRUE", 1.0), ("False", 0.0), (" ? ", None), ("", None), ("NaN", None), (" 1.5 ", "1.5"), (2, 2), (None, None)],
)
def test_texts_in_numeric_columns_are_read_as_the_source_was(cell, expected):
    assert number_in(cell, MARKERS) == expected


def test_a_column_is_spelled_as_any_feature_that_reads_it_has_it():
    crossed = CROSS_SEPARATOR.join
    state = FittedFeatures(
        numeric=(MappedFeature(name="m", sources=("zip",), vocabulary=("02134",), values=(1.0,), default=0.0),),
        categorical=(
            VocabularyFeature(name="v", sources=("zip",), vocabulary=("98101", NULL_TOKEN)),
            VocabularyFeature(name="x", sources=("flag", "zip"), vocabulary=(crossed(("TRUE", "10001")), "odd")),
            HashedFeature(name="h", sources=("other",), buckets=9),
        ),
        label=LabelSpec(name="y", task="regression"),
    )
    found = categories_of(state)
    assert set(found) == {"zip", "flag", "other"}
    assert [found["zip"].text(value) for value in (2134.0, 98101, 10001.0, 5.0)] == ["02134", "98101", "10001", "5.0"]
    assert found["flag"].text(True) == "TRUE"
    assert found["other"].text(True) == "true"
