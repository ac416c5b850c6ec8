"""Fitting as arithmetic: what becomes of given statistics and counts."""

from __future__ import annotations

import pytest

from pipeline.config.data import DataConfig
from pipeline.config.features import CategoricalConfig, NumericConfig, TargetConfig
from pipeline.config.source import SourceConfig
from pipeline.contract.features import NULL_TOKEN
from pipeline.contract.label import Task
from pipeline.errors import DataError
from pipeline.features.fit import fit_categorical, fit_numeric
from pipeline.features.label import fit_label
from pipeline.features.statistics import LabelStatistics, Moments, rounded

SEEN = Moments(count=4, mean=2.0, std=0.5, low=1.0, high=3.0, median=2.5)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({}, (2.0, 2.0, 0.5)),
        ({"impute": "median", "scale": "min_max"}, (2.5, 1.0, 2.0)),
        ({"impute": "constant", "fill": 9.0, "scale": "none"}, (9.0, 0.0, 1.0)),
        ({"impute": "error"}, (None, 2.0, 0.5)),
    ],
)
def test_fill_center_and_scale(group, expected):
    fitted = fit_numeric("x", NumericConfig(columns=["x"], **group), SEEN)
    assert (fitted.fill, fitted.center, fitted.scale) == expected


@pytest.mark.parametrize("scale", ["standard", "min_max"])
def test_a_constant_column_keeps_the_scale_one(scale, caplog):
    constant = Moments(count=4, mean=7.0, std=0.0, low=7.0, high=7.0)
    assert fit_numeric("x", NumericConfig(columns=["x"], scale=scale), constant).scale == 1.0
    assert "Column 'x' is 7.0 in every training row; the model learns nothing from it." in caplog.text


def test_a_column_without_training_values_is_its_constant(caplog):
    group = NumericConfig(columns=["x"], impute="constant", fill=3.0)
    assert fit_numeric("x", group, Moments(0)).fill == 3.0


COUNTS = [(NULL_TOKEN, 2), ("b", 5), ("a", 2), ("ü", 2), ("c", 1)]


@pytest.mark.parametrize(
    ("group", "vocabulary"),
    [
        ({}, ("b", NULL_TOKEN, "a", "ü", "c")),
        ({"max_categories": 1}, ("b", NULL_TOKEN)),
        ({"min_count": 3}, ("b", NULL_TOKEN)),
        ({"min_count": 2, "max_categories": 2}, ("b", NULL_TOKEN, "a")),
    ],
)
def test_null_keeps_its_place_whatever_the_limits(group, vocabulary):
    fitted = fit_categorical("c", CategoricalConfig(columns=["c"], **group), COUNTS)
    assert fitted.vocabulary == vocabulary
    assert fitted.size == len(vocabulary) + 1


def test_a_vocabulary_may_be_empty_and_says_so(caplog):
    assert fit_categorical("c", CategoricalConfig(columns=["c"], min_count=9), [("a", 1)]).vocabulary == ()
    assert "Column 'c' has no value that occurs 9 times in training rows." in caplog.text


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (123456.7890123456, 0.0, 123456.789),
        (-123456.7890123456, 0.0, -123456.789),
        (1.23456789012345e-9, 1.0, 1e-9),
        (1.23456789012345e-9, 0.0, 1.23456789e-9),
        (1.23456789012345e300, 0.0, 1.23456789e300),
        (0.0, 0.0, 0.0),
    ],
)
def test_ten_significant_digits(value, spread, expected):
    assert rounded(value, spread) == pytest.approx(expected, rel=1e-15)


def label_statistics(**counts) -> LabelStatistics:
    empty = dict.fromkeys(("nulls", "numbers", "texts", "not_finite", "zero_one", "up_to_minus_one"), 0)
    return LabelStatistics(**{**empty, **counts}, train=SEEN, train_log=SEEN)


def test_too_many_classes_are_no_classes():
    data = DataConfig(source=SourceConfig(path="t.csv"), label="y")
    classes = {f"class {i:05d}": (1, 0, 0) for i in range(1001)}
    with pytest.raises(DataError, match=r"Label 'y' has more than 1000 classes, such as 'class 00000', 'class 00001'"):
        fit_label(data, TargetConfig(), label_statistics(texts=1001), task=Task.MULTICLASS, classes=classes)
