"""What folds tell together: means, intervals, what is missing, and a table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.evaluation.folds import CrossvalReport, held_out_ratio, summarize
from tests.support.folds import crossval, fold, house_prices

MAE = (2.1, 2.9, 2.4, 3.2, 2.2)


def half_width(values: tuple[float, ...], ratio: float) -> float:
    """Of the corrected interval, written down anew."""
    error = math.sqrt(np.var(values, ddof=1) * (1 / len(values) + ratio))
    return float(stats.t(df=len(values) - 1).interval(0.95)[1]) * error


def test_mean_deviation_and_interval_follow_from_the_folds() -> None:
    report = crossval({"mae": MAE})
    assert report.mean["mae"] == pytest.approx(2.56)
    assert report.std["mae"] == pytest.approx(np.std(MAE, ddof=1))
    reach = half_width(MAE, 200 / 700)
    assert report.intervals["mae"] == pytest.approx((2.56 - reach, 2.56 + reach))
    assert report.notes == ()


def test_repeats_count_as_further_folds() -> None:
    values = (*MAE, 2.0)
    report = crossval({"mae": values}, repeats=2)
    assert (report.folds, report.count) == (3, 6)
    low, high = report.intervals["mae"]
    assert (high - low) / 2 == pytest.approx(half_width(values, 200 / 700))


def test_folds_of_different_sizes_count_by_all_their_rows() -> None:
    scores = [fold(0, {}, train_rows=100, test_rows=50), fold(1, {}, train_rows=300, test_rows=50)]
    assert held_out_ratio(scores) == 0.25
    assert held_out_ratio([]) == 0.0


def test_only_folds_that_define_a_metric_count_for_its_interval() -> None:
    sizes = ((100, 50), (300, 50), (10, 500))
    values = (101.0, 103.0, None)
    scores = [
        fold(number, {"mae": value}, train_rows=trained, test_rows=held_out)
        for number, (value, (trained, held_out)) in enumerate(zip(values, sizes, strict=True))
    ]
    report = crossval({"mae": values}, scores=scores)
    reach = half_width((101.0, 103.0), 0.25)
    assert report.intervals["mae"] == pytest.approx((102.0 - reach, 102.0 + reach))


@pytest.mark.parametrize(
    ("metric", "values", "limits"),
    [
        ("accuracy", (0.8, 1.0, 0.99), (None, 1.0)),
        ("auc_macro", (0.1, 0.9, 0.5), (0.0, 1.0)),
        ("mae", (0.1, 9.0, 1.0), (0.0, None)),
        ("r2", (0.2, 0.99, 0.9), (None, 1.0)),
        ("mean_error", (-5.0, 9.0, 1.0), (None, None)),
    ],
)
def test_an_interval_ends_where_its_metric_does(metric, values, limits) -> None:
    report = crossval({metric: values})
    mean, reach = sum(values) / 3, half_width(values, held_out_ratio(report.scores))
    ends = zip(limits, (mean - reach, mean + reach), strict=True)
    expected = [end if limit is None else limit for limit, end in ends]
    assert report.intervals[metric] == pytest.approx(expected)


def test_undefined_metrics_leave_the_mean_to_the_other_folds() -> None:
    report = crossval({"mae": (101.0, None, 103.0, math.nan), "r2": (None,) * 4, "rmse": (2.0,) * 4})
    assert report.mean == {"mae": 102.0, "r2": None, "rmse": 2.0}
    assert report.std == {"mae": pytest.approx(math.sqrt(2.0)), "r2": None, "rmse": 0.0}
    reach = half_width((101.0, 103.0), 200 / 700)
    assert report.intervals == {"mae": pytest.approx((102.0 - reach, 102.0 + reach)), "rmse": (2.0, 2.0)}
    assert report.notes == (
        "MAE is not defined in 2 of 4 folds; its mean is that of the others.",
        "R² is not defined in 4 of 4 folds; it has no mean.",
    )


def test_metric_that_a_fold_does_not_name_is_undefined_there() -> None:
    report = summarize(crossval({"mae": MAE}).model_copy(update={"scores": (fold(0, {}), fold(1, {"mae": 2.0}))}))
    assert report.mean == {"mae": 2.0}


def test_folds_without_a_score_are_told_once() -> None:
    report = crossval({"mae": MAE})
    report = summarize(report.model_copy(update={"scores": report.scores[1:3]}))
    assert report.notes == ("3 of 5 folds have no score.",)
    assert summarize(report) == report


def test_one_fold_has_no_interval() -> None:
    report = crossval({"mae": (2.0,)})
    assert (report.mean, report.std, report.intervals) == ({"mae": 2.0}, {"mae": None}, {})


def test_diverged_fold_is_not_hidden() -> None:
    report = crossval({"mae": (2.0, math.inf, 3.0)})
    assert (report.mean, report.std, report.intervals) == ({"mae": math.inf}, {"mae": None}, {})


@pytest.mark.parametrize(("numbers", "said"), [((1, 0), "ascend"), ((0, 0), "each once"), ((0, 5), "numbered 0 to 4")])
def test_folds_that_cannot_be_are_refused(numbers: tuple[int, ...], said: str) -> None:
    scores = [fold(number, {"mae": 1.0}) for number in numbers]
    with pytest.raises(ValidationError, match=said):
        CrossvalReport(task="regression", folds=5, scores=scores, rows=9, folds_id="a")


def test_report_is_the_same_after_reading() -> None:
    report = house_prices(5)
    assert CrossvalReport.from_json(report.to_json(), "crossval.json") == report
    endless = crossval({"mae": (2.0, math.inf, 3.0)})
    assert CrossvalReport.from_json(endless.to_json(), "crossval.json") == endless
