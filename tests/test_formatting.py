"""Numbers are written alike everywhere: short, readable, and nothing hidden by rounding."""

from __future__ import annotations

import math
import time

import pytest

from pipeline.formatting import (
    compact,
    counted,
    format_interval,
    format_number,
    format_p_value,
    format_percent,
    format_share,
    listed,
    shortened,
)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.0, 5, "0"),
        (-0.0, 5, "0"),
        (1984.0, 5, "1984"),
        (12345.0, 5, "12,345"),
        (117454.68, 5, "117,455"),
        (1234.56, 5, "1,234.6"),
        (1234.56, 4, "1235"),
        (9999.6, 4, "10,000"),
        (120.0, 5, "120"),
        (0.123456, 5, "0.12346"),
        (0.99999, 4, "1"),
        (-1.5, 4, "-1.5"),
        (1e-9, 5, "1e-9"),
        (0.0001, 4, "0.0001"),
        (2.5e12, 5, "2.5e12"),
        (1.23456e300, 5, "1.235e300"),
        (math.inf, 4, "inf"),
        (math.nan, 4, "nan"),
        (None, 4, "undefined"),
    ],
)
def test_numbers_have_few_digits(value: float | None, digits: int, shown: str) -> None:
    assert format_number(value, digits) == shown


def test_what_is_not_defined_is_called_as_the_reader_wants() -> None:
    assert format_number(None, undefined="-") == "-"
    assert format_interval(None) == ""
    assert format_interval((5072.4, 36_928.1)) == "5072 to 36,928"


def test_shares_do_not_round_to_a_false_nothing_or_all() -> None:
    shares = [format_share(part, 1000.0) for part in (0, 1, 20, 500, 0.01)]
    assert shares == ["0 %", "0.10 %", "2.00 %", "50.0 %", "< 0.01 %"]
    assert format_share(1, 0) == "0 %"
    assert [format_percent(part) for part in (0.001, 0.5, 0.999, 1.0)] == ["<1%", "50%", ">99%", "100%"]


def test_p_values_have_two_digits_down_to_a_thousandth() -> None:
    assert [format_p_value(value) for value in (0.0312, 0.0001)] == ["p = 0.031", "p < 0.001"]


def test_long_lists_and_values_are_cut() -> None:
    assert listed("abc", 2) == "a, b, ... and 1 more"
    assert listed("abc", separator="; ") == "a; b; c"
    assert [shortened(value) for value in ("a", None, [1, 2])] == ["'a'", "nothing", "[1, 2]"]
    assert shortened("a" * 78) == f"'{'a' * 78}'"
    assert shortened("a" * 79) == f"'{'a' * 76}..."
    nested = {"a": [1, {"b": None, 2: ()}, []], "c": {}, "d": b"x" * 40}
    assert shortened(nested) == f"{repr(nested)[:77]}..."
    assert shortened(nested["a"]) == repr(nested["a"])


def test_of_a_value_no_more_is_written_than_is_shown():
    bomb: list[object] = ["x" * 1_000_000]
    for _ in range(40):
        bomb = [bomb] * 20
    begun = time.process_time()
    assert shortened(bomb) == f"{'[' * 41}'{'x' * 35}..."
    endless: list[object] = []
    endless.append(endless)
    assert shortened(endless) == f"{'[' * 77}..."
    assert shortened({"a": "x" * 5_000_000}).startswith("{'a': 'xxx")
    assert time.process_time() - begun < 1.0


def test_counts_have_the_noun_in_its_number() -> None:
    assert [counted(count, "row") for count in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert counted(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.25, "0.25"), (1250.0, "1,250"), (-48_000.0, "-48k"), (1.234e6, "1.23M"), (2e-7, "2.0e-07")],
)
def test_ticks_are_compact(value: float, text: str) -> None:
    assert compact(value) == text
