"""Fitting as arithmetic: what becomes of given statistics, values and counts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.arrays.moments import Moments, rounded
from pipeline.config.data import DataConfig
from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.kinds.interfaces import arrays_of
from pipeline.kinds.plan import CategoricalPlan, NumericPlan
from pipeline.kinds.scaled.arrays import beyond_float32
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.scaled.fit import find_edges, fit_power, fit_transform
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform
from pipeline.kinds.statistics import NumberStatistics, TextStatistics
from pipeline.kinds.vocabulary.config import CategoricalConfig
from pipeline.preparation.fitting.label import fit_classes
from pipeline.preparation.statistics.label_statistics import LabelStatistics
from pipeline.runtime.logs import logging_once
from pipeline.schemas.tokens import NULL_TOKEN

NONE, STRAIGHT = Moments(), NumericTransform()
VALUES = np.array([1.0, 1.5, 2.5, 3.0])
SEEN = Moments(count=4, mean=2.0, squares=1.0, low=1.0, high=3.0)


def numeric(**group) -> NumericPlan:
    return NumericPlan("x", "x", NumericConfig(columns=("x",), **group))


def categorical(**group) -> CategoricalPlan:
    return CategoricalPlan("c", ("c",), CategoricalConfig(columns=("c",), **group))


def of_numbers(plan: NumericPlan, values: np.ndarray, moments: Moments = NONE, transform: NumericTransform = STRAIGHT):
    return arrays_of(plan.kind).fit(plan, NumberStatistics(moments, values, transform, moments))


def of_texts(plan: CategoricalPlan, counts=(), slots: int = 1):
    return arrays_of(plan.kind).fit(plan, TextStatistics(counts, slots))


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({}, (2.0, 2.0, 0.5)),
        ({"impute": "median", "scale": "min_max"}, (2.0, 1.0, 2.0)),
        ({"impute": "mode", "scale": "max_abs"}, (1.0, 0.0, 3.0)),
        ({"scale": "robust"}, (2.0, 2.0, 1.25)),
        ({"impute": "constant", "fill": 9.0, "scale": "none"}, (9.0, 0.0, 1.0)),
        ({"impute": "error"}, (None, 2.0, 0.5)),
    ],
)
def test_fill_center_and_scale(group, expected):
    fitted = of_numbers(numeric(**group), VALUES, SEEN)
    assert (fitted.fill, fitted.center, fitted.scale) == expected


@pytest.mark.parametrize("scale", ["standard", "min_max", "robust"])
def test_a_constant_column_keeps_the_scale_one(scale, caplog):
    constant = Moments(count=4, mean=7.0, squares=0.0, low=7.0, high=7.0)
    assert of_numbers(numeric(scale=scale), np.full(4, 7.0), constant).scale == 1.0
    assert "Column 'x' is 7.0 in every training row; the model learns nothing from it." in caplog.text


@pytest.mark.parametrize("scale", ["standard", "min_max", "max_abs", "robust", "none"])
@pytest.mark.parametrize("shape", ["linear", "log1p", "power"])
@pytest.mark.parametrize("encoding", ["scalar", "piecewise_linear"])
def test_a_column_without_training_values_is_its_constant(scale, shape, encoding):
    plan = numeric(impute="constant", fill=3.0, scale=scale, shape=shape, encoding=encoding)
    transform = fit_transform(plan.group, np.zeros(0))
    fitted = of_numbers(plan, np.zeros(0), transform=transform)
    assert (fitted.fill, fitted.center, fitted.scale, fitted.edges) == (3.0, 0.0, 1.0, ())


def test_a_column_whose_middle_half_is_equal_says_why_it_is_not_scaled(caplog):
    """The distance between the quartiles of a column that is mostly 0 is 0, but the column tells something."""
    values = np.array([0.0] * 9 + [5.0])
    seen = Moments(count=10, mean=0.5, squares=22.5, low=0.0, high=5.0)
    assert of_numbers(numeric(scale="robust"), values, seen).scale == 1.0
    assert "Column 'x' has the same value at both quartiles of training rows; it is not scaled." in caplog.text


@pytest.mark.parametrize("binning", ["quantile", "uniform", "mixed"])
@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [0.0] * 50 + [1.0, 2.0], list(range(100))])
def test_edges_ascend_and_are_few(binning, values):
    edges = find_edges(np.array(values, float), 7, binning)
    assert list(edges) == sorted(set(edges))
    assert len(edges) <= 7 + 1
    assert of_numbers(numeric(encoding="bucketize", bins=7, binning=binning), np.array(values, float)).size >= 2


def test_edges_of_a_column_that_is_mostly_zero():
    values = np.array([0.0] * 990 + [float(i) for i in range(1, 11)])
    assert find_edges(values, 8, "quantile") == (0.0, 10.0)
    assert find_edges(values, 8, "mixed") == (0.0, 2.5, 5.0, 7.5, 10.0)


@pytest.mark.parametrize(
    ("feature", "values", "fits"),
    [
        ({}, [-3e38, 3e38], True),
        ({}, [0.0, 4e38], False),
        ({"scale": 1e-300}, [0.0, 1.0], False),
        ({"scale": math.inf}, [0.0, 1.0], False),
        ({"scale": 1e10}, [0.0, 4e38], True),
        ({"high": 1.0}, [-1.0, 1e300], True),
        ({"shape": "log1p"}, [0.0, 1e300], True),
        ({"shape": "power", "power": 3.0}, [0.0, 1e200], False),
        ({}, [], True),
    ],
)
def test_what_single_precision_can_hold(feature, values, fits):
    ends = () if fits else (min(values), max(values))
    assert beyond_float32(ScaledFeature(name="x", source="x", **feature), values) == ends


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.0], [0.0, 0.0, 0.0], [-1e300, -1e300, 0.0, 1e300]])
def test_a_power_that_cannot_be_told_changes_nothing(values):
    assert fit_power(np.array(values)) == 1.0


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
    fitted = of_texts(categorical(**group), COUNTS)
    assert fitted.vocabulary == vocabulary
    assert fitted.size == len(vocabulary) + 1


def test_a_vocabulary_may_be_empty_and_says_so(caplog):
    assert of_texts(categorical(min_count=9), [("a", 1)]).vocabulary == ()
    assert "Column 'c' has no value that occurs 9 times in training rows." in caplog.text


@pytest.mark.parametrize(
    ("group", "dimension"),
    [({}, 0), ({"encoding": "embedding"}, 4), ({"encoding": "embedding", "dimension": 7}, 7)],
)
def test_the_dimension_of_an_embedding(group, dimension):
    assert of_texts(categorical(**group), COUNTS).dimension == dimension


def test_slots_of_a_multi_valued_column(caplog):
    plan = categorical(separator="|", max_values=3)
    assert [of_texts(plan, COUNTS, slots).slots for slots in (0, 2, 3)] == [1, 2, 3]
    assert not caplog.text
    assert of_texts(plan, COUNTS, 5).slots == 3
    assert "Column 'c' has up to 5 values in a row; those past the first 3 are dropped (max_values)." in caplog.text


def test_an_order_goes_from_zero_to_one():
    fitted = of_texts(categorical(encoding="ordinal", order=("low", "mid", "high")))
    assert (fitted.vocabulary, fitted.values, fitted.default) == (("low", "mid", "high"), (0.0, 0.5, 1.0), 0.5)


def test_values_that_an_order_lacks_are_named_once_for_all_folds(caplog):
    plan = categorical(encoding="ordinal", order=("low", "high"))
    of_texts(plan, ((NULL_TOKEN, 10), ("low", 20), ("high", 10)))
    assert not caplog.text
    with logging_once(["pipeline.kinds.mapped.arrays"]):
        of_texts(plan, (("g1", 30), ("g2", 10), ("low", 160)))
        of_texts(plan, (("g1", 31), ("g2", 10), ("low", 159)))
    assert [record.getMessage() for record in caplog.records] == [
        "Column 'c': order lacks the values of 20.0 % of the training rows, such as 'g1', 'g2', which count as null. "
        "Add them to order, or correct it."
    ]


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (123456.7890123456, 0.0, 123456.789),
        (-123456.7890123456, 0.0, -123456.789),
        (1.23456789012345e-9, 1.0, 1e-9),
        (1.23456789012345e-9, 0.0, 1.23456789e-9),
        (1.23456789012345e300, 0.0, 1.23456789e300),
        (5e-324, 0.0, 5e-324),
        (1700000000123456789.0, 1e7, 1700000000123457024.0),
        (0.0, 0.0, 0.0),
    ],
)
def test_ten_significant_digits(value, spread, expected):
    assert rounded(value, spread) == pytest.approx(expected, rel=1e-15)


def test_too_many_classes_are_no_classes():
    data = DataConfig(source=SourceConfig(path="t.csv"), label="y")
    classes = {f"class {i:05d}": (1, 0, 0) for i in range(1001)}
    label = LabelStatistics(numbers=0, texts=1001, zero_one=0, train=Moments(), train_log=Moments())
    with pytest.raises(DataError, match=r"Label 'y' has more than 1000 classes, such as 'class 00000', 'class 00001'"):
        fit_classes(data, label, task="multiclass", classes=classes)
