"""The verdict compares with the best simple model, and knows what chance is."""

from __future__ import annotations

import pytest

from pipeline.evaluation.report.classification import ClassMetrics
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.verdict import judge


def regression(
    rmse: float, interval: tuple[float, float] | None, linear: float = 100.0, mae: float = 1.0
) -> EvalReport:
    return EvalReport(
        task="regression",
        rows=50,
        metrics={"rmse": rmse, "mae": mae},
        intervals={} if interval is None else {"rmse": interval},
        baselines={"mean": {"rmse": 200.0, "mae": 3.0}, "linear": {"rmse": linear, "mae": 2.0}},
    )


def test_better_than_the_best_simple_model_by_more_than_chance() -> None:
    verdict = judge(regression(80.0, (75.0, 85.0)))
    assert verdict.grade == "good"
    assert verdict.sentence == (
        "Better than a linear model on the same features: RMSE 80 (95 % interval 75 to 85) against 100."
    )


def test_within_the_interval_it_is_about_as_good() -> None:
    assert judge(regression(95.0, (85.0, 105.0))).grade == "fair"


def test_grade_by_another_metric_is_said_where_it_differs() -> None:
    sentence = judge(regression(95.0, (85.0, 105.0), mae=1.5)).sentence
    assert sentence == (
        "About as good as a linear model on the same features: RMSE 95 (95 % interval 85 to 105) against 100. "
        "By MAE 1.5 against 2 it is better."
    )


def test_without_an_interval_the_figures_decide() -> None:
    assert judge(regression(99.0, None)).grade == "good"


@pytest.mark.parametrize(("rmse", "against"), [(150.0, "a linear model"), (900.0, "a linear model")])
def test_worse_names_the_best_simple_model(rmse: float, against: str) -> None:
    verdict = judge(regression(rmse, (0.9 * rmse, 1.1 * rmse), mae=9.0))
    assert verdict.grade == "bad"
    assert verdict.sentence.startswith(f"Worse than {against}")


def test_metric_that_sees_it_the_other_way_round_is_said() -> None:
    assert judge(regression(80.0, (75.0, 85.0), mae=2.5)).sentence.endswith("By MAE 2.5 against 2 it is worse.")
    assert "By MAE" not in judge(regression(80.0, (75.0, 85.0), mae=1.5)).sentence


def test_nothing_is_said_where_nothing_can_be() -> None:
    assert judge(EvalReport(task="regression", rows=0, metrics={"rmse": None})).grade == "open"
    assert judge(EvalReport(task="regression", rows=9, metrics={"rmse": 1.0})).grade == "open"
    classes = (ClassMetrics(name="no", rows=9, predicted=9), ClassMetrics(name="yes", rows=0, predicted=0))
    alone = judge(EvalReport(task="binary", rows=9, metrics={"log_loss": 0.1}, classes=classes))
    assert alone.grade == "open"
    assert "All rows are of one class, no" in alone.sentence
