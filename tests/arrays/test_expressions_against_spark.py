"""Expressions over arrays have the values that Spark's compiled code gives, to the bit.

tests/model/test_expression_against_spark.py compares them with Spark's interpreter.
"""

from __future__ import annotations

import random
import struct
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config.expression import parse_expression
from pipeline.schemas.expression import CallNode, ColumnNode, NumberNode, TextNode
from tests.support.expressions import EVERYTHING, EXPRESSIONS, NUMBERS, ROUNDED, ROWS, TEXTS, TYPES, assert_as_spark

pytestmark = pytest.mark.spark

A, B = ColumnNode(name="a", type="number"), ColumnNode(name="b", type="number")
S = ColumnNode(name="s", type="text")


def call(function, *arguments):
    return CallNode(function=function, arguments=arguments)


def of_texts(texts):
    """Rows with a text and nothing else."""
    return [(None, None, text, None) for text in texts]


def random_number(draw):
    """Of any size; halves and their neighbours, whole numbers, days, and any bits of a double."""
    kind = draw.randrange(5)
    if kind == 0:
        half = draw.randrange(-(2**53), 2**53) / 2.0 ** draw.randrange(1, 54)
        return round(half) + draw.choice((0.5, -0.5, 0.49999999999999994))
    if kind == 1:
        return float(draw.randrange(-(2 ** draw.randrange(1, 66)), 2 ** draw.randrange(1, 66)))
    if kind == 2:
        return draw.randrange(-(2**34), 2**34) / 8.0
    if kind == 3:
        return draw.gauss(0, 1) * 10 ** draw.randrange(-3, 6)
    return struct.unpack("d", draw.randbytes(8))[0]


def test_every_function_on_odd_values(spark):
    draw = random.Random(2)
    size = 2 * len(TEXTS)
    columns = [(values * 4)[:size] for values in (NUMBERS, NUMBERS, TEXTS, TEXTS)]
    rows = list(zip(*(draw.sample(values, size) for values in columns), strict=True))

    assert_as_spark(spark, [parse_expression(sql, TYPES) for sql in EVERYTHING], rows, compiled=True)


def test_numbers_of_all_sizes(spark):
    draw = random.Random(3)
    rows = [(random_number(draw), random_number(draw), None, None) for _ in range(1500)]
    single = ("floor", "ceil", "round", "sqrt", "sign", "negate", "abs", "not", "hour", "weekday", "year", "day")
    double = ("add", "multiply", "divide", "remainder", "least", "greatest", "less", "equal", "same")
    rounded = [name for names, kinds in ROUNDED for name in names if kinds == "n"]
    nodes = [call(name, A) for name in (*single, *rounded)] + [call(name, A, B) for name in (*double, "power")]
    # All summands differ: of parts with the same summands in another order, Spark computes one for all.
    nodes += [call("add", *(call("multiply", x, count(k)) for k in range(1, 40) for x in (A, B)))]
    nodes += [call("round", call("divide", A, B))]

    assert_as_spark(spark, nodes, rows, compiled=True)


def test_zeros_have_signs(spark):
    zeros = [NumberNode(value=0.0), NumberNode(value=-0.0)]
    many = [NumberNode(value=float(k)) for k in range(1, 15)]
    rows = [(a, b, None, None) for a in (0.0, -0.0, -4.0, None) for b in (-0.0, 0.0, 2.0)]
    nodes = [call(name, A) for name in ("sign", "negate", "abs", "round", "ceil", "sin", "tanh", "expm1", "log1p")]
    nodes += [call(name, A, B) for name in ("least", "greatest", "remainder", "multiply", "divide", "same", "power")]
    nodes += [call("in", A, zero, *others) for zero in zeros for others in ([], many, [NumberNode(value=None)])]
    nodes += [call("in", call("negate", A), *many, zero) for zero in zeros]

    assert_as_spark(spark, nodes, rows, compiled=True)


def test_the_parts_of_dates_of_all_eras(spark):
    draw = random.Random(4)
    ends = [-(2.0**31), 2.0**31 - 1, 0.0, -1.0, 719_528.0, -719_528.0, -25_567.0, 47_482.0]
    days = [end + k + draw.random() for end in ends for k in (-2, -1, 0, 1)]
    days += [draw.uniform(-(2.0**31), 2.0**31) for _ in range(400)]
    days += [draw.uniform(-800_000, 3_000_000) for _ in range(400)]
    days += [(draw.randrange(-(10**6), 10**6) * 24 + hour) / 24 for hour in range(24) for _ in range(10)]
    parts = ("year", "quarter", "month", "day", "weekday", "day_of_year", "hour")

    assert_as_spark(spark, [call(part, A) for part in parts], [(day, None, None, None) for day in days], compiled=True)


def test_spellings_of_numbers_and_dates(spark):
    draw = random.Random(5)
    numbers = ["".join(draw.choices("0123456789.eE+- d", k=draw.randrange(1, 9))) for _ in range(1500)]
    numbers += [f"{random_number(draw)!r}" for _ in range(500)]
    dates = ["2024-02-29", "2023-06-07 12:30:59", "1969-12-31 23:59:59.123456789", "0001-01-01 00:00:00.5"]
    dates += ["20240229", "2023-06-07T12:30", "2014-09-16T00:00:00.000Z", "1969-12-31T23:59:59.9995-11:30"]
    dates = [changed(draw, date) for date in dates for _ in range(400)]

    nodes = [call("to_number", S), call("to_days", S), call("hour", call("to_days", S))]
    assert_as_spark(spark, nodes, of_texts(numbers + dates), compiled=True)


def changed(draw, text):
    """A digit or two replaced, or a sign put in or left out."""
    for _ in range(draw.randrange(3)):
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice("0123456789") + text[place + 1 :] if text[place].isdigit() else text
    if draw.random() < 0.3:
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice(("", " ", ":", "-", ".", "0")) + text[place + draw.randrange(2) :]
    return text


def test_the_case_of_every_letter(spark):
    letters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["|".join(letters[i : i + 5000]) for i in range(0, len(letters), 5000)]

    assert_as_spark(spark, [call("lower", S), call("upper", S)], of_texts(texts))


def test_final_sigmas(spark):
    """Next to every letter and sign that all versions of Python know."""
    signs = [chr(code) for code in range(1, 0x20000) if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Cs")]
    texts = [f"a\u03a3{sign}b {sign}\u03a3 a{sign}\u03a3 a\u03a3{sign} a\u03a3{sign}\u03a3" for sign in signs]

    assert_as_spark(
        spark, [call("lower", S)], of_texts("\n".join(texts[i : i + 2000]) for i in range(0, len(texts), 2000))
    )


def test_texts_and_constants(spark):
    null = TextNode(value=None)
    nodes = [
        call(name, S, TextNode(value=n)) for name in ("contains", "ends_with", "starts_with") for n in ("", "\x00")
    ]
    nodes += [call("in", S, *others) for others in ([null], [null, TextNode(value="x")], [TextNode(value="")])]
    nodes += [
        call("substring", S, *map(count, pair)) for pair in ((0, 0), (0, 2), (2, 2**31 - 1), (2**31 - 1, 2**31 - 1))
    ]
    nodes += [call("concat", S, null), call("concat", null, S), call("same", S, null), call("coalesce", null, null, S)]
    nodes += [call("if", call("contains", S, TextNode(value="x")), null, S), call("upper", TextNode(value="ß"))]
    nodes += [call("in", null, null), call("length", null), call("to_days", TextNode(value="2024-02-29"))]

    assert_as_spark(spark, nodes, of_texts(["x", None, "", "y\x00z", "x\u0301👍🏽"]), compiled=True)


def count(number):
    return NumberNode(value=float(number))


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(nodes=st.lists(EXPRESSIONS, min_size=40, max_size=40), rows=ROWS)
def test_random_trees_on_random_rows(spark, nodes, rows):
    assert_as_spark(spark, nodes, rows, compiled=True)
