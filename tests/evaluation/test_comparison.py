"""Two cross-validations are compared fold by fold, and only where their folds hold the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pipeline.errors import ConfigError
from pipeline.evaluation.comparison import Comparison, compare
from pipeline.evaluation.folds import CrossvalReport, summarize
from tests.support.folds import crossval, fold, house_prices

Floats = NDArray[np.float64]

FIRST, SECOND = (2.1, 2.9, 2.4, 3.2, 2.2), (2.3, 3.0, 2.3, 3.6, 2.5)


def resized(report: CrossvalReport, train_rows: int) -> CrossvalReport:
    scores = tuple(score.model_copy(update={"train_rows": train_rows}) for score in report.scores)
    return summarize(report.model_copy(update={"scores": scores}))


def test_without_shared_rows_it_is_the_paired_t_test() -> None:
    first, second = (resized(crossval({"mae": values}), 10**12) for values in (FIRST, SECOND))
    found = compare(first, second).metrics["mae"]
    expected = stats.ttest_rel(FIRST, SECOND)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6)


def test_shared_rows_make_it_more_careful_by_the_formula() -> None:
    found = compare(crossval({"mae": FIRST}), crossval({"mae": SECOND})).metrics["mae"]
    differences = np.subtract(FIRST, SECOND)
    t = differences.mean() / math.sqrt(differences.var(ddof=1) * (1 / 5 + 200 / 700))
    assert found.p_value == pytest.approx(2 * stats.t.cdf(-abs(t), df=4), rel=1e-9)
    assert found.p_value > stats.ttest_rel(FIRST, SECOND).pvalue
    assert found.differences == pytest.approx(tuple(differences))
    assert (found.first, found.second) == pytest.approx((2.56, 2.74))
    assert (found.wins, found.ties, found.losses, found.better) == (4, 0, 1, "first")


def test_exchange_turns_every_sign() -> None:
    first, second = house_prices(5, 2, seed=1), house_prices(5, 2, seed=2, gain=500.0)
    there, back = compare(first, second), compare(second, first)
    for name, one in there.metrics.items():
        other = back.metrics[name]
        assert one.mean == -other.mean
        assert one.interval == (-other.interval[1], -other.interval[0])
        assert (one.p_value, one.std) == (other.p_value, other.std)
        assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
        assert {one.better, other.better} == {"first", "second"}


def test_larger_is_better_for_some_metrics() -> None:
    metrics = compare(crossval({"mae": FIRST, "r2": FIRST}), crossval({"mae": SECOND, "r2": SECOND})).metrics
    assert metrics["mae"].better == "first"
    assert metrics["r2"].better == "second"
    assert metrics["r2"].wins == metrics["mae"].losses


def test_hard_folds_do_not_hide_a_small_gain() -> None:
    first, second = house_prices(10, seed=1, gain=2_000.0), house_prices(10, seed=2)
    low, high = first.intervals["rmse"]
    assert low < second.mean["rmse"] < high
    comparison = compare(first, second)
    assert comparison.metrics["rmse"].is_certain
    assert comparison.sentence.endswith("more than chance.")


def test_chance_alone_is_seldom_called_more() -> None:
    """Two equally good models on 300 made data sets, by 5 folds 4 times: five in a hundred are allowed.

    Taking folds for independent finds a difference more than twice as often as that.
    """
    random, certain, naive = np.random.default_rng(3), 0, 0
    for _ in range(300):
        inputs = np.column_stack([np.ones(60), random.normal(size=(60, 8))])
        label = inputs[:, 0] + random.normal(size=60)
        parts = [random.permutation(60) % 5 for _ in range(4)]
        columns = [errors_of(inputs[:, kept], label, parts) for kept in ([0, 1, 2, 3, 4], [0, 5, 6, 7, 8])]
        first, second = (resized(crossval({"rmse": column}, repeats=4), 800) for column in columns)
        certain += compare(first, second).metrics["rmse"].is_certain
        naive += stats.ttest_rel(*columns).pvalue < 0.05
    assert certain <= 0.05 * 300
    assert naive > 2 * 0.05 * 300


def errors_of(inputs: Floats, label: Floats, parts: Sequence[NDArray[np.int64]]) -> list[float]:
    """RMSE of least squares on each held-out part."""
    found = []
    for part, number in product(parts, range(5)):
        train, held_out = part != number, part == number
        weights = np.linalg.lstsq(inputs[train], label[train], rcond=None)[0]
        found.append(float(np.sqrt(np.mean((label[held_out] - inputs[held_out] @ weights) ** 2))))
    return found


def test_equal_models_are_equal() -> None:
    report = house_prices(5)
    comparison = compare(report, report)
    found = comparison.metrics["rmse"]
    assert (found.mean, found.std, found.interval, found.p_value) == (0.0, 0.0, (0.0, 0.0), 1.0)
    assert (found.wins, found.ties, found.losses, found.better) == (0, 5, 0, None)
    assert comparison.sentence == "By RMSE, the first and the second are equal on average over 5 folds."


def test_undefined_metrics_take_no_part() -> None:
    first = crossval({"mae": (1.0, None, 3.0), "r2": (None,) * 3, "rmse": (math.inf, math.inf, 2.0)})
    second = crossval({"mae": (2.0, 2.0, 5.0), "r2": (0.5,) * 3, "rmse": (math.inf, 1.0, 1.0)})
    comparison = compare(first, second)
    mae, r2, rmse = (comparison.metrics[name] for name in ("mae", "r2", "rmse"))
    assert mae.differences == (-1.0, None, -2.0)
    assert (mae.folds, mae.first, mae.second, mae.mean) == (2, 2.0, 3.5, -1.5)
    assert (r2.folds, r2.mean, r2.better, r2.is_certain) == (0, None, None, False)
    assert rmse.differences == (None, math.inf, 1.0)
    assert comparison.sentence.endswith("by inf on average. Whether that is chance cannot be determined.")
    assert Comparison.from_json(comparison.to_json(), "comparison.json") == comparison


def test_folds_that_one_lacks_are_left_out() -> None:
    second = crossval({"rmse": SECOND})
    second = summarize(second.model_copy(update={"scores": second.scores[3:]}))
    comparison = compare(crossval({"rmse": FIRST}), second)
    assert comparison.pairs == (3, 4)
    assert comparison.metrics["rmse"].differences == pytest.approx((-0.4, -0.3))


def test_one_fold_says_nothing_about_chance() -> None:
    comparison = compare(crossval({"rmse": (2.0,)}), crossval({"rmse": (3.0,)}), names=("wide", "narrow"))
    assert comparison.sentence == (
        "By RMSE, wide is better than narrow in 1 of 1 fold, by 1 on average. "
        "Whether that is chance cannot be determined."
    )


def test_nothing_in_common_is_said() -> None:
    assert compare(crossval({"rmse": FIRST}), crossval({"mae": FIRST})).sentence == (
        "Nothing can be compared: no metric is defined for both in any fold."
    )


def test_sentence_has_the_figures() -> None:
    comparison = compare(crossval({"rmse": FIRST}), crossval({"rmse": SECOND}), names=("wide", "narrow"))
    low, high = comparison.metrics["rmse"].interval
    assert comparison.sentence == (
        f"By RMSE, wide is better than narrow in 4 of 5 folds, by 0.18 on average (95 % interval {-high:.4g} to "
        f"{-low:.4g}, p = {comparison.metrics['rmse'].p_value:.2g}): which may be chance."
    )
    assert low < 0 < high


def test_other_folds_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"folds of wide and narrow are not the same rows.*folds f00d and beef.*Run"):
        compare(crossval({"rmse": FIRST}), crossval({"rmse": SECOND}, folds_id="beef"), names=("wide", "narrow"))
    with pytest.raises(ConfigError, match=r"'price' \(regression\) and 'sold' \(binary\)"):
        compare(crossval({"rmse": FIRST}), crossval({"rmse": SECOND}, label="sold", task="binary"))


def test_training_rows_of_both_count() -> None:
    first = crossval({"rmse": FIRST})
    second = summarize(
        first.model_copy(
            update={"scores": tuple(fold(n, {"rmse": value}, train_rows=100) for n, value in enumerate(SECOND))}
        )
    )
    low, high = compare(first, second).metrics["rmse"].interval
    deviation = np.std(np.subtract(FIRST, SECOND), ddof=1)
    expected = stats.t.ppf(0.975, 4) * deviation * math.sqrt(1 / 5 + 400 / 800)
    assert (high - low) / 2 == pytest.approx(expected)
