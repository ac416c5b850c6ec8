"""Correlations, patterns of missing values and duplicates, against figures worked out by hand and by scipy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association

from pipeline.preparation.description.relations import (
    MissingPattern,
    correlated_pairs,
    duplicate_rows,
    missing_patterns,
)

RNG = np.random.default_rng(5)


def test_numbers_are_compared_by_ranks():
    x = RNG.normal(size=400)
    y = np.exp(x) + RNG.normal(size=400) * 0.2
    y[:30] = np.nan
    (pair,) = correlated_pairs({"x": x, "y": y, "noise": RNG.normal(size=400)}, {})
    assert (pair.first, pair.second, pair.rows) == ("x", "y", 370)
    assert pair.value == pytest.approx(spearmanr(x[30:], y[30:]).statistic)


def test_texts_are_compared_by_their_table():
    a = RNG.choice(["a", "b", "c"], 300).astype(object)
    b = np.where(RNG.random(300) < 0.8, a, "a").astype(object)
    (pair,) = correlated_pairs({}, {"a": a, "b": b, "none": np.full(300, None, object)})
    counts = [[int(((a == x) & (b == y)).sum()) for y in "abc"] for x in "abc"]
    assert pair.value == pytest.approx(association(counts, method="cramer"))


def test_a_column_without_spread_is_correlated_with_nothing():
    assert correlated_pairs({"x": np.ones(9), "y": np.arange(9.0), "z": np.full(9, np.nan)}, {}) == []


def test_patterns_of_missing_values():
    table = pa.table({"a": [1, None, None, 4, 5], "b": ["x", None, None, "", None], "c": [1.0, 2.0, 3.0, 4.0, 5.0]})
    assert missing_patterns(table) == [MissingPattern(("a", "b"), 2), MissingPattern(("b",), 1)]
    assert missing_patterns(table.select(["c"])) == []


def test_rows_that_occur_twice():
    table = pa.table({"a": [1, 1, 2, 1, None, None], "b": ["x", "x", "x", "y", None, None]})
    assert duplicate_rows(table) == 2
