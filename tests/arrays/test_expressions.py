"""Expressions over arrays, against values written by hand; test_expressions_against_spark.py against Spark's."""

from __future__ import annotations

import math
from datetime import date, datetime
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays.dates import NEAR
from pipeline.arrays.expressions import evaluate
from pipeline.config.expression import parse_expression
from pipeline.schemas.expression import CallNode, ColumnNode, NumberNode, TextNode
from tests.support.expressions import (
    EVERYTHING,
    EXPRESSIONS,
    KNOWN,
    NAN,
    NUMBERS,
    ROWS,
    TEXTS,
    TYPES,
    by_arrays,
    columns_of_rows,
)

A, B = ColumnNode(name="a", type="number"), ColumnNode(name="b", type="number")
S, T = ColumnNode(name="s", type="text"), ColumnNode(name="t", type="text")
TRUTHS = [0.0, 1.0, None]
NODES = [parse_expression(sql, TYPES) for sql in EVERYTHING]


def call(function, *arguments):
    return CallNode(function=function, arguments=arguments)


def constant(value):
    return TextNode(value=value) if isinstance(value, str) else NumberNode(value=value)


def of_numbers(node, *pairs):
    """Of columns a and b."""
    return by_arrays([node], [(a, b, None, None) for a, b in pairs])[0]


def of_texts(node, *texts):
    """Of columns s and t."""
    return by_arrays(
        [node], [(None, None, *pair) for pair in (t if isinstance(t, tuple) else (t, None) for t in texts)]
    )[0]


def signed(values):
    """With zeros told apart."""
    return [repr(value) for value in values]


@pytest.mark.parametrize(("sql", "numbers", "right"), KNOWN)
def test_known_values(sql, numbers, right):
    found = of_numbers(parse_expression(sql, TYPES), numbers)

    assert found == [None if right is None else pytest.approx(right, rel=1e-15)]


@pytest.mark.parametrize(
    ("function", "numbers", "right"),
    [
        ("round", [0.49999999999999994, 0.5, 1.5, 2.5, -2.5, -0.5], [0.0, 1.0, 2.0, 3.0, -3.0, -1.0]),
        ("round", [2.0**52 - 0.5, 2.0**52 + 1, 1e300, -0.2, -0.0], [2.0**52, 2.0**52 + 1, 1e300, 0.0, 0.0]),
        ("floor", [2.5, -2.5, -0.0, 2.0**63, 2.0**63 - 1024, -(2.0**63)], [2.0, -3.0, 0.0, None, 2.0**63 - 1024, None]),
        ("ceil", [2.5, -2.5, -0.5, 1e300, 1024 - 2.0**63], [3.0, -2.0, 0.0, None, 1024 - 2.0**63]),
        ("sign", [3.0, -0.1, 0.0, -0.0, None], [1.0, -1.0, 0.0, -0.0, None]),
        ("negate", [0.0, -0.0, 1.0, None], [-0.0, 0.0, -1.0, None]),
        ("sqrt", [4.0, -0.0, -1e-300, NAN], [2.0, -0.0, None, None]),
        ("log", [0.0, -0.0, -1.0, 1.0], [None, None, None, 0.0]),
        ("log1p", [-1.0, -2.0, 0.0, -0.0], [None, None, 0.0, -0.0]),
        ("exp", [710.0, -800.0, 0.0], [None, 0.0, 1.0]),
        ("log10", [10.0**k for k in range(-3, 20)], [float(k) for k in range(-3, 20)]),
        ("not", [0.0, -0.0, 0.1, None, NAN], [1.0, 1.0, 0.0, None, None]),
        ("is_null", [0.0, None, NAN, math.inf, -math.inf], [0.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_functions_of_a_number(function, numbers, right):
    assert signed(of_numbers(call(function, A), *((number, None) for number in numbers))) == signed(right)


@pytest.mark.parametrize(
    ("function", "pairs", "right"),
    [
        ("remainder", [(7, 3), (-7, 3), (7, -3), (-6, 3), (1, 0), (5.5, 0.1)], [1.0, -1.0, 1.0, -0.0, None, 5.5 % 0.1]),
        ("divide", [(1, 0), (0, 0), (1e300, 1e-300), (-0.0, 2)], [None, None, None, -0.0]),
        ("power", [(2, 3), (-8, 1 / 3), (10, 400), (1, None), (None, 0), (0, -1)], [8.0, None, None, None, None, None]),
        ("least", [(0, -0.0), (-0.0, 0), (None, 2), (NAN, None), (3, 2)], [0.0, -0.0, 2.0, None, 2.0]),
        ("greatest", [(0, -0.0), (-0.0, 0), (None, 2), (NAN, None), (3, 2)], [0.0, -0.0, 2.0, None, 3.0]),
        ("same", [(None, NAN), (None, 1), (1, None), (0, -0.0), (2, 2)], [1.0, 0.0, 0.0, 1.0, 1.0]),
        ("equal", [(None, None), (1, None), (0, -0.0), (1, 2)], [None, None, 1.0, 0.0]),
    ],
)
def test_functions_of_two_numbers(function, pairs, right):
    pairs = [tuple(None if number is None else float(number) for number in pair) for pair in pairs]

    assert signed(of_numbers(call(function, A, B), *pairs)) == signed(right)


def test_infinity_in_the_middle_of_a_sum_is_no_null_until_its_end():
    huge, further = constant(1e308), call("negate", constant(1e308))

    assert of_numbers(call("add", A, huge, huge, further), (0.0, None)) == [None]
    assert of_numbers(call("add", A, huge, further, huge), (0.0, None)) == [1e308]
    assert of_numbers(call("multiply", call("add", A, huge), constant(0.0)), (1e308, None)) == [None]


def test_a_long_sum_is_made_in_blocks():
    terms = [10.0 ** (k % 7) / 3 for k in range(100)]
    first, second, third, last = (reduce(add, terms[i : i + 32]) for i in range(0, 100, 32))

    assert of_numbers(call("add", A, *map(constant, terms[1:])), (terms[0], None)) == [first + second + third + last]


def test_truth_has_three_values():
    pairs = [(a, b) for a in TRUTHS for b in TRUTHS]

    assert of_numbers(call("and", A, B), *pairs) == [0.0, 0.0, 0.0, 0.0, 1.0, None, 0.0, None, None]
    assert of_numbers(call("or", A, B), *pairs) == [0.0, 1.0, None, 1.0, 1.0, 1.0, None, 1.0, None]
    assert of_numbers(call("and", A, constant(1.0), B), *pairs) == of_numbers(call("and", A, B), *pairs)
    assert of_numbers(call("or", A, B, constant(None)), (1.0, None), (0.0, 0.0)) == [1.0, None]


def test_an_unknown_condition_does_not_hold():
    node = call("if", A, constant(1.0), B, constant(2.0), constant(3.0))

    assert of_numbers(node, *((a, b) for a in TRUTHS for b in TRUTHS)) == [3.0, 2.0, 3.0, 1.0, 1.0, 1.0, 3.0, 2.0, 3.0]
    assert of_numbers(call("if", A, constant(None), B), (1.0, 5.0), (0.0, 5.0), (0.0, None)) == [None, 5.0, None]


def test_a_choice_between_truths_keeps_nulls():
    node = call("if", A, call("less", B, constant(0.0)), call("is_null", B))

    assert of_numbers(node, (1.0, -1.0), (1.0, None), (0.0, None), (0.0, 1.0)) == [1.0, None, 1.0, 0.0]


def test_in_with_nulls():
    pairs = [(1.0, None), (2.0, None), (-0.0, None), (None, None)]

    assert of_numbers(call("in", A, constant(1.0), constant(0.0)), *pairs) == [1.0, 0.0, 1.0, None]
    assert of_numbers(call("in", A, constant(1.0), constant(None)), *pairs) == [1.0, None, None, None]
    assert of_texts(call("in", S, TextNode(value=None), constant("x")), "x", "y", None) == [1.0, None, None]
    assert of_texts(call("in", S, constant("x"), constant("")), "x", "y", "", None) == [1.0, 0.0, 1.0, None]


def test_texts_with_nulls():
    null = TextNode(value=None)

    assert of_texts(call("concat", S, constant("-"), T), ("a", "b"), ("a", None), ("", "")) == ["a-b", None, "-"]
    assert of_texts(call("same", S, T), ("a", "a"), ("a", None), (None, None)) == [1.0, 0.0, 1.0]
    assert of_texts(call("same", S, null), "a", None) == [0.0, 1.0]
    assert of_texts(call("equal", S, T), ("a", "a"), ("a", "A"), (None, None)) == [1.0, 0.0, None]
    assert of_texts(call("coalesce", S, null, T), ("a", "b"), (None, "b"), (None, None)) == ["a", "b", None]
    assert of_texts(call("if", call("is_null", S), null, T), ("a", "b"), (None, "b")) == ["b", None]
    assert of_texts(call("lower", null), "a") == [None]


@pytest.mark.parametrize(
    ("text", "small", "large"),
    [
        ("Straße", "straße", "STRASSE"),
        # A sigma is a final one after a letter and before none.
        ("\u0391Σ ΣΑΣ. Σ", "ας σας. \u03c3", "\u0391Σ ΣΑΣ. Σ"),
        # Capital I with a dot and small i without one; ligature fi, n with an apostrophe, iota with two accents.
        ("\u0130I\u0131i", "i\u0307i\u0131i", "\u0130III"),
        ("\ufb01 \u0149 \u0390", "\ufb01 \u0149 \u0390", "FI \u02bcN \u0399\u0308\u0301"),
        ("Ǆ ǅ ẞ 𐐀", "ǆ ǆ ß 𐐨", "Ǆ Ǆ ẞ 𐐀"),
        ("\u1c89\ua7dc\ua7cb\U00010d50", "\u1c8a\u019b\u0264\U00010d70", "\u1c89\ua7dc\ua7cb\U00010d50"),
        ("\u1c8a\u019b\u0264\U00010d70", "\u1c8a\u019b\u0264\U00010d70", "\u1c89\ua7dc\ua7cb\U00010d50"),
        ("Plain 1", "plain 1", "PLAIN 1"),
    ],
)
def test_the_case_of_letters(text, small, large):
    texts = ["Aa", None, text, "", text]

    assert of_texts(call("lower", S), *texts) == ["aa", None, small, "", small]
    assert of_texts(call("upper", S), *texts) == ["AA", None, large, "", large]


def test_only_spaces_are_trimmed():
    text = " \t a \u00a0 \u2003 "

    assert of_texts(call("trim", S), text, "   ", "", None) == ["\t a \u00a0 \u2003", "", "", None]
    assert of_texts(call("trim_left", S), text) == ["\t a \u00a0 \u2003 "]
    assert of_texts(call("trim_right", S), text) == [" \t a \u00a0 \u2003"]


@pytest.mark.parametrize(
    ("start", "length", "right"),
    [
        (1, 2, "👍🏽"),
        (0, 2, "👍🏽"),
        (2, 1, "🏽"),
        (3, 9, "e\u0301"),
        (5, 1, ""),
        (1, 0, ""),
        (2**31 - 1, 2**31 - 1, ""),
    ],
)
def test_positions_are_those_of_code_points(start, length, right):
    node = call("substring", S, constant(float(start)), constant(float(length)))

    assert of_texts(node, "👍🏽e\u0301", "", None) == [right, "", None]
    assert of_texts(call("length", S), "👍🏽e\u0301", "", None) == [4.0, 0.0, None]


@pytest.mark.parametrize(
    ("needle", "contained", "at_start", "at_end"),
    [
        ("", "a.b\n", "a.b\n", "a.b\n"),
        (".", "a.b\n", ".", "."),
        ("^.*$", "x^.*$", "^.*$x", "^.*$"),
        ("\\E", "a\\Eb", "\\E", "\\E"),
        ("\n", "a\nb", "\n", "a\n"),
        ("é", "né!", "été", "né"),
        ("\x00", "a\x00b", "\x00b", "a\x00"),
    ],
)
def test_needles_are_taken_as_they_are(needle, contained, at_start, at_end):
    for function, text in (("contains", contained), ("starts_with", at_start), ("ends_with", at_end)):
        node = call(function, S, constant(needle))
        assert of_texts(node, text, None, "-") == [1.0, None, float(needle == "")]


NO_NUMBERS = [
    "",
    " ",
    ".",
    "e1",
    "1e",
    "1e+",
    "1 2",
    "+-1",
    "--1",
    "1_0",
    "0x10",
    "1d",
    "1f",
    "NaN",
    "inf",
    "1,5",
    "1e5.",
]
NO_NUMBERS += ["-Infinity", "nan(1)", "\t1", "1\n", "1\u00a0", "1\x00", "\u0661", "\uff11"]


@pytest.mark.parametrize("others", [[], ["n/a"]])
def test_numbers_in_texts(others):
    """With texts that are none among them, or without."""
    plain = ["1", "+1", "-.5", "5.", "1e5", "1E-5", "007", "-0", "4.9e-324", "2e-324", "1.7976931348623157e308"]
    plain += ["0." + "1" * 400, "9007199254740993", "123456789.123456789123456789"]
    spaced = [f"  {text} " for text in plain] if others else []
    right = [float(text) for text in plain + spaced] + [None] * len(others)

    assert signed(of_texts(call("to_number", S), *plain, *spaced, *others)) == signed(right)
    assert of_texts(call("to_number", S), "1e999", "-1e999", "9" * 400, *others) == [None] * (3 + len(others))


def test_what_is_no_number():
    assert of_texts(call("to_number", S), "1", *NO_NUMBERS) == [1.0] + [None] * len(NO_NUMBERS)
    # The first texts do not tell what comes later.
    assert of_texts(call("to_number", S), *["1"] * 200, *NO_NUMBERS) == [1.0] * 200 + [None] * len(NO_NUMBERS)
    for text in NO_NUMBERS:
        assert of_texts(call("to_number", S), text, None) == [None, None]


NOON = "2024-03-01 12:00:00"
NO_DATES = ["0000-01-01", "2023-1-1", "2023-01-01 ", " 2023-01-01", "2023-01-01T", "12023-01-01", "2023-01-01Z"]
NO_DATES += ["2023-01-01 24:00:00", "2023-01-01 23:60:00", "2023-01-01 23:59:60", "2023-01-01 12", NOON + "."]
NO_DATES += [
    NOON + ".1234567890",
    NOON + ".1x",
    NOON + "+18:00",
    NOON + "+01:60",
    NOON + "+0100",
    NOON + "z",
    NOON + " Z",
    "2023-01-01t00:00:00",
    "2023-01-01+01:00",
    "00000101",
    "20230132",
    "2023/01/01",
    "202a-01-01",
    "\uff12023-01",
    "-001-01-01",
]
NO_DATES += ["", "2023-01-01 00:00:00 00:00:00", NOON + "\n", "2023-01-01\x00", "\n2023-01-0"]


def test_dates_in_texts():
    days = (date(2024, 3, 1) - date(1970, 1, 1)).days
    texts = {NOON: days + 0.5, "2024-03-01": float(days), NOON + ".5": days + 43_200_500 / 86_400_000}
    texts |= {NOON + "." + "123456789"[:k]: days + (43_200_000 + ms) / 86_400_000 for k, ms in ((2, 120), (9, 123))}
    texts |= {NOON.replace(" ", "T") + rest: days + 0.5 for rest in ("", "Z", ".000", ".000Z", "+00:00", "-00:00")}
    texts |= {NOON + "+02:00": days + 10 / 24, "2024-03-01T12:00-13:30": days + 25.5 / 24, "20240301": float(days)}
    texts |= {
        "2024-03-01 12:00": days + 0.5,
        "0001-01-01T00:00:00.25+17:59": -719_162 - (17 * 60 + 59) / 1440 + 0.25 / 86_400,
    }
    texts |= {"0001-01-01": -719_162.0, "9999-12-31 23:59:59.999999": 2_932_897 - 1 / 86_400_000}
    texts |= {"1969-12-31 23:59:59.9995": -1 / 86_400_000, "1582-10-10": -141_432.0}

    assert of_texts(call("to_days", S), *texts, None) == [*texts.values(), None]
    assert of_texts(call("to_days", S), *NO_DATES) == [None] * len(NO_DATES)


def test_days_that_do_not_exist():
    texts = [f"{y:04}-{m:02}-{d:02}" for y in (1, 1900, 2000, 2023, 2024, 9999) for m in range(14) for d in range(33)]

    assert of_texts(call("to_days", S), *texts) == [days_of(text) for text in texts]


def days_of(text):
    try:
        return float((date.fromisoformat(text) - date(1970, 1, 1)).days)
    except ValueError:
        return None


PARTS = {
    "year": lambda d: d.year,
    "quarter": lambda d: (d.month + 2) // 3,
    "month": lambda d: d.month,
    "day": lambda d: d.day,
    "weekday": lambda d: d.weekday(),
    "day_of_year": lambda d: d.timetuple().tm_yday,
}


@pytest.mark.parametrize("part", PARTS)
def test_the_parts_of_a_date(part):
    """Of dates of all years, and around the ends of those that are looked up."""
    first = date(1970, 1, 1).toordinal()
    days = [*range(1 - first, 2_932_897, 97), *(end + k for end in NEAR for k in range(-3, 4))]

    found = of_numbers(call(part, A), *((day + 0.75, None) for day in days))

    assert found == [PARTS[part](date.fromordinal(day + first)) for day in days]


@pytest.mark.parametrize("part", PARTS)
def test_the_calendar_repeats_after_400_years(part):
    near = [float(day) for day in range(19_000, 19_800)]
    eras = (-14_699, -1, 14_500)

    for era in eras:
        years = 400.0 * era if part == "year" else 0.0
        found = of_numbers(call(part, A), *((day + 146_097.0 * era, None) for day in near))
        assert found == [value + years for value in of_numbers(call(part, A), *((day, None) for day in near))]


def test_days_beyond_the_counted_ones_have_no_parts():
    days = [2.0**31 - 0.5, 2.0**31, -(2.0**31), -(2.0**31) - 0.5, 1e300, None, NAN]

    for part in PARTS:
        found = of_numbers(call(part, A), *((day, None) for day in days))
        assert [value is None for value in found] == [False, True, False, True, True, True, True]


def test_hours():
    moments = [datetime(2024, 3, 1, hour, 0, 0) for hour in range(24)] + [datetime(1969, 12, 31, 23, 59, 59, 999_000)]
    texts = [f"{moment:%Y-%m-%d %H:%M:%S.%f}" for moment in moments]
    hour = call("hour", A)

    assert of_texts(call("hour", call("to_days", S)), *texts) == [moment.hour for moment in moments]
    assert of_numbers(hour, *((day, None) for day in (-1e-20, 0.9999999999, -0.25, 1e300, None))) == [0, 0, 18, 0, None]


def test_constants_are_repeated():
    for value, kind in ((1.5, pa.float64()), ("é", pa.string())):
        assert evaluate(constant(value), {}, 3).equals(pa.array([value] * 3, kind))
    assert evaluate(TextNode(value=None), {}, 2).equals(pa.array([None, None], pa.string()))
    assert evaluate(NumberNode(value=None), {}, 2).equals(pa.array([None, None], pa.float64()))
    leap_day = call("to_days", call("concat", constant("2024"), constant("-02-29")))
    assert evaluate(call("day", leap_day), {}, 2).to_pylist() == [29.0, 29.0]


@pytest.mark.parametrize("node", NODES)
def test_no_rows_give_no_values(node):
    assert len(evaluate(node, columns_of_rows([(None, None, None, None)]), 1)) == 1
    empty = {name: array[:0] for name, array in columns_of_rows([(1.0, 1.0, "a", "é")]).items()}
    built = {name: pa.array([], array.type) for name, array in empty.items()}

    for columns in (empty, built):
        found = evaluate(node, columns, 0)
        assert len(found) == 0
        assert found.type == (pa.float64() if node.type == "number" else pa.string())


@pytest.mark.parametrize("node", NODES)
def test_a_part_of_an_array_is_one(node):
    values = [[None if k % 3 == 0 else value for k, value in enumerate(values[:40])] for values in (NUMBERS, TEXTS)]
    columns = columns_of_rows(list(zip(values[0], values[0][::-1], values[1], values[1][::-1], strict=True)))
    part = {name: array.slice(13, 20) for name, array in columns.items()}
    alone = {name: pa.array(array.to_pylist(), array.type) for name, array in part.items()}

    assert signed(evaluate(node, part, 20).to_pylist()) == signed(evaluate(node, alone, 20).to_pylist())


@settings(max_examples=40)
@given(node=EXPRESSIONS, rows=ROWS, first=st.integers(0, 11), count=st.integers(0, 12))
def test_a_row_s_value_does_not_depend_on_other_rows(node, rows, first, count):
    columns = columns_of_rows(rows * 2)
    part = {name: array.slice(first, count) for name, array in columns.items()}

    alone = evaluate(node, part, count).to_pylist()

    assert signed(alone) == signed(evaluate(node, columns, 24).to_pylist()[first : first + count])


@settings(max_examples=40)
@given(node=EXPRESSIONS, rows=ROWS)
def test_what_lies_under_a_null_does_not_matter(node, rows):
    columns = columns_of_rows(rows)
    other = {name: under_nulls(array, NAN) if name in "ab" else array for name, array in columns.items()}

    assert signed(evaluate(node, other, 12).to_pylist()) == signed(evaluate(node, columns, 12).to_pylist())


def under_nulls(array, value):
    """The array with another number in the places of nulls."""
    values = pa.py_buffer(np.where(np.asarray(array.is_null()), value, np.asarray(array.fill_null(0.0))))
    return pa.Array.from_buffers(array.type, len(array), [array.buffers()[0], values])
