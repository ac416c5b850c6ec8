"""Names, values and numbers as pages show them."""

from __future__ import annotations

import pytest

from pipeline.report.text import metric_value, page_number, short_name, text


def test_names_are_cut_in_the_middle_and_stay_on_one_line() -> None:
    assert short_name("a" * 30 + "z", 10) == "aaaaaa…aaz"
    assert short_name("a\nb") == "a\\nb"
    assert text("a" * 100) == "a" * 39 + "…" + "a" * 20


def test_pages_have_a_dash_for_nothing_and_a_minus_sign() -> None:
    assert [page_number(value) for value in (None, -0.123456, 1e-9)] == [
        "\N{EN DASH}", "\N{MINUS SIGN}0.12346", "1e\N{MINUS SIGN}9",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("accuracy", 0.98765, "98.8 %"),
        ("accuracy", 0.0, "0 %"),
        ("auc", 0.912345, "0.9123"),
        ("rmse", 123456.7, "123,457"),
        ("r2", -0.5, "\N{MINUS SIGN}0.5"),
        ("auc", None, "\N{EN DASH}"),
        ("rmse", float("inf"), "inf"),
        ("accuracy", float("nan"), "nan"),
        ("mse", 1.23456e300, "1.235e300"),
        ("log_loss", 1e-9, "1e\N{MINUS SIGN}9"),
    ],
)
def test_figures_are_short(metric: str, value: float | None, shown: str) -> None:
    assert metric_value(metric, value) == shown
