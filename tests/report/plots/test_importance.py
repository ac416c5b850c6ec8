"""Importance is a bar a column with the deviation of its repeats."""

from __future__ import annotations

import pytest

from pipeline.evaluation.report.importance import Importance, ImportanceReport
from pipeline.report.plots.importance import importance_bars
from tests.support.figures import rendered, said


def report(columns: int) -> ImportanceReport:
    found = tuple(Importance(column=f"$c{place}", drop=10.0 - place, deviation=0.5) for place in range(columns))
    return ImportanceReport(metric="rmse", value=20.0, rows=1000, repeats=3, columns=found)


def test_bars_stand_in_order() -> None:
    figure = importance_bars(report(3), name="RMSE")
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [10.0, 9.0, 8.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$c0", "$c1", "$c2"]
    assert axes.get_xlabel() == "RMSE gets worse by"
    assert said(figure).startswith("Each column shuffled 3 times among 1,000 rows; as they are, RMSE is 20.")


@pytest.mark.parametrize("columns", [0, 1, 45])
def test_any_number_of_columns_is_drawn(columns: int) -> None:
    figure = importance_bars(report(columns), name="RMSE")
    assert rendered(figure)
    assert ("15 columns of less weight not shown." in said(figure)) == (columns == 45)
