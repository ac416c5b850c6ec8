"""Expressions: Spark, Keras and Arrow give the same values, and the right ones."""

from __future__ import annotations

import math
import random
import sys
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config.expression import parse_expression
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.date.parts import dates_of
from pipeline.schemas.functions import FUNCTIONS
from pipeline.schemas.tokens import NULL_TOKEN
from tests.support.expressions import (
    EVERYTHING,
    EXPRESSIONS,
    KNOWN,
    NAN,
    NUMBERS,
    ROWS,
    TEXTS,
    TYPES,
    assert_as_spark,
    by_spark,
    functions_of,
)

pytestmark = pytest.mark.spark

FLUSHED = sys.float_info.min
"""TensorFlow's processes take smaller numbers for 0."""


def by_keras(nodes, rows):
    import tensorflow as tf

    from pipeline.model.expression import evaluate

    tensors = {
        name: tf.constant([[NAN if v is None else v] for v in column], tf.float64)
        if TYPES[name] == "number"
        else tf.constant([[NULL_TOKEN if v is None else v] for v in column], tf.string)
        for name, column in zip(TYPES, zip(*rows, strict=True), strict=True)
    }
    return [[plain(value) for value in evaluate(node, tensors).numpy()[:, 0]] for node in nodes]


def plain(value):
    if isinstance(value, bytes):
        text = value.decode()
        return None if text == NULL_TOKEN else text
    return None if math.isnan(value) else float(value)


def assert_equal(spark, nodes, rows):
    right = assert_as_spark(spark, nodes, rows)
    for node, ours, theirs in zip(nodes, by_keras(nodes, rows), right, strict=True):
        for row, in_keras, in_spark in zip(rows, ours, theirs, strict=True):
            if isinstance(in_spark, float) and isinstance(in_keras, float):
                assert math.isclose(in_keras, in_spark, rel_tol=1e-9, abs_tol=FLUSHED), (node, row, in_keras, in_spark)
            else:
                assert in_keras == in_spark, (node, row)


@pytest.fixture
def elsewhere(spark):
    """A session whose days begin at another time than UTC's, with an hour that does not exist."""
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    yield spark
    spark.conf.set("spark.sql.session.timeZone", before)


def test_every_function_on_every_odd_value(elsewhere):
    draw = random.Random(1)
    numbers, texts = NUMBERS * 4, TEXTS * 2
    columns = (numbers, draw.sample(numbers, len(numbers)), texts, draw.sample(texts, len(texts)))
    rows = list(zip(*columns, strict=False))
    assert len(rows) >= 2 * len(TEXTS)
    nodes = [parse_expression(sql, TYPES) for sql in EVERYTHING]

    # SQL does not reach `iso_date`, nor has Spark one; see tests/schemas/test_date_layout.py.
    assert functions_of(nodes) == set(FUNCTIONS) - {"iso_date"}
    assert_equal(elsewhere, nodes, rows)


def test_both_are_right(spark):
    nodes = [parse_expression(sql, TYPES) for sql, _, _ in KNOWN]
    rows = [(*numbers, "", "") for _, numbers, _ in KNOWN]

    for values in (by_spark(spark, nodes, rows), by_keras(nodes, rows)):
        found = [values[k][k] for k in range(len(KNOWN))]
        assert found == [None if right is None else pytest.approx(right, rel=1e-15) for _, _, right in KNOWN]


def test_dates_are_the_calendar_s(spark):
    dates = [datetime(1 + 7 * i % 9999, 1 + i % 12, 1 + 11 * i % 28, i % 24, i % 60, i % 60) for i in range(1500)]
    rows = [(0.0, 0.0, f"{date:%Y}".rjust(4, "0") + f"{date:-%m-%d %H:%M:%S}", "") for date in dates]
    config = DateConfig(
        columns=("s",),
        parts=("year", "quarter", "month", "day", "weekday", "day_of_year", "hour", "days"),
        since="2020-02-29 12:00:00",
    )
    cyclic = DateConfig(columns=("s",), parts=("month", "hour"), cyclic=True)
    nodes = [column.expression for column in (*dates_of(config), *dates_of(cyclic))]

    for values in (by_spark(spark, nodes, rows), by_keras(nodes, rows)):
        year, quarter, month, day, weekday, day_of_year, hour, days, since, *pairs = values
        assert list(zip(year, month, day, hour, strict=True)) == [(d.year, d.month, d.day, d.hour) for d in dates]
        assert quarter == [(d.month + 2) // 3 for d in dates]
        assert weekday == [d.weekday() for d in dates]
        assert day_of_year == [d.timetuple().tm_yday for d in dates]
        assert days == [(d.toordinal() - datetime(1970, 1, 1).toordinal()) for d in dates]
        assert since == [(d.toordinal() - datetime(2020, 2, 29).toordinal()) for d in dates]
        angles = [2 * math.pi * (d.month - 1) / 12 for d in dates] + [2 * math.pi * d.hour / 24 for d in dates]
        assert pairs[0] + pairs[2] == pytest.approx([math.sin(angle) for angle in angles], abs=1e-12)
        assert pairs[1] + pairs[3] == pytest.approx([math.cos(angle) for angle in angles], abs=1e-12)


def test_the_case_of_letters_is_unicode_s(spark):
    """Up to where both have the same version of Unicode; two letters below got a capital later."""
    letters = [chr(code) for code in range(1, 0x1C80) if chr(code) not in "\u019b\u0264"]
    rows = [(0.0, 0.0, " ".join(letters[i : i + 500]), "") for i in range(0, len(letters), 500)]

    assert_equal(spark, [parse_expression(f"{case}(s)", TYPES) for case in ("lower", "upper")], rows)


def test_long_and_deep_expressions_run(spark):
    rows = [(0.1, 3.0, "x", None), (None, 3.0, None, "y")]
    sums = " + ".join(["a", "b", "a * b"] * 50)
    deep = "round(floor(" * 14 + "a" + "))" * 14

    assert_equal(spark, [parse_expression(sql, TYPES) for sql in (sums, deep)], rows)


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(nodes=st.lists(EXPRESSIONS, min_size=40, max_size=40), rows=ROWS)
def test_random_trees_on_random_rows(spark, nodes, rows):
    assert_equal(spark, nodes, rows)
