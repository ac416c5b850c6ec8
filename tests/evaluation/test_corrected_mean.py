"""A mean of folds is as sure as it says, and no surer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pipeline.evaluation.corrected_mean import CorrectedMean, corrected_mean

SCORES = (2.1, 2.9, 2.4, 3.2, 2.2)


def test_independent_scores_have_the_interval_of_student() -> None:
    spread = corrected_mean(SCORES, 0.0)
    expected = stats.ttest_1samp(SCORES, 0.0)
    assert spread.mean == pytest.approx(np.mean(SCORES), rel=1e-12)
    assert spread.deviation == pytest.approx(np.std(SCORES, ddof=1), rel=1e-12)
    assert spread.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-12)
    assert spread.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_shared_rows_widen_it_by_the_formula() -> None:
    spread = corrected_mean(SCORES, 0.25)
    assert spread.interval is not None
    error = math.sqrt((1 / 5 + 1 / 4) * 0.223)
    assert spread.interval[1] - spread.interval[0] == pytest.approx(2 * 2.7764451052 * error, rel=1e-9)
    assert spread.p_value == pytest.approx(2 * stats.t.sf(2.56 / error, df=4), rel=1e-9)


def test_p_value_and_interval_agree() -> None:
    """The interval ends at 0 where p is 0.05."""
    plain = corrected_mean(SCORES, 0.25)
    assert plain.interval is not None
    shifted = corrected_mean([score - plain.interval[0] for score in SCORES], 0.25)
    assert shifted.p_value == pytest.approx(0.05, rel=1e-9)


def test_equal_scores_leave_no_doubt() -> None:
    assert corrected_mean([0.1] * 3, 0.5) == CorrectedMean(3, 0.1, 0.0, (0.1, 0.1), 0.0)
    assert corrected_mean([0.0] * 3, 0.5).p_value == 1.0


def test_too_few_scores_have_no_interval() -> None:
    assert corrected_mean([], 0.25) == CorrectedMean(0)
    assert corrected_mean([3.0], 0.25) == CorrectedMean(1, 3.0)


def test_infinite_scores_are_not_hidden() -> None:
    assert corrected_mean([1.0, math.inf, 2.0], 0.25) == CorrectedMean(3, math.inf)
    assert corrected_mean([math.inf, -math.inf], 0.25) == CorrectedMean(2)


Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def dealt(random: np.random.Generator, rows: int, folds: int, repeats: int) -> Folds:
    """Training and held-out rows of folds by hash."""
    parts = [np.array_split(random.permutation(rows), folds) for _ in range(repeats)]
    return [(np.setdiff1d(np.arange(rows), part), part) for repeat in parts for part in repeat]


def drawn(random: np.random.Generator, rows: int, folds: int) -> Folds:
    """Training rows of a bootstrap, as often as they are drawn, and rows out of the bag."""
    draws = [random.poisson(1.0, rows) for _ in range(folds)]
    return [(np.repeat(np.arange(rows), times), np.flatnonzero(times == 0)) for times in draws]


def errors_of(random: np.random.Generator, folds: Folds, rows: int) -> tuple[list[float], float]:
    """The MAE by fold of least squares with five inputs, and held-out over training rows."""
    inputs = np.column_stack([np.ones(rows), random.normal(size=(rows, 5))])
    label = inputs.sum(axis=1) + random.normal(size=rows)
    scores = []
    for train, held_out in folds:
        weights = np.linalg.lstsq(inputs[train], label[train], rcond=None)[0]
        scores.append(float(np.abs(label[held_out] - inputs[held_out] @ weights).mean()))
    sizes = np.array([(len(held_out), len(np.unique(train))) for train, held_out in folds]).sum(axis=0)
    return scores, sizes[0] / sizes[1]


def coverage(found: list[tuple[list[float], float]], *, corrected: bool) -> float:
    """How often the interval holds the true mean, which is that of all data sets."""
    truth = np.mean([scores for scores, _ in found])
    spreads = [corrected_mean(scores, ratio if corrected else 0.0) for scores, ratio in found]
    return float(np.mean([s.interval is not None and s.interval[0] <= truth <= s.interval[1] for s in spreads]))


@pytest.mark.parametrize(("method", "naive"), [("folds", 0.94), ("repeated", 0.75), ("bootstrap", 0.85)])
def test_interval_covers_what_it_claims(method: str, naive: float) -> None:
    """Over 600 made data sets; the interval of independent scores does not."""
    random, rows, found = np.random.default_rng(7), 60, []
    for _ in range(600):
        repeats = 4 if method == "repeated" else 1
        folds = drawn(random, rows, 5) if method == "bootstrap" else dealt(random, rows, 5, repeats)
        found.append(errors_of(random, folds, rows))
    assert coverage(found, corrected=True) >= 0.93
    assert coverage(found, corrected=False) < naive
