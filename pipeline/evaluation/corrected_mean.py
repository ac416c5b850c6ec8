"""The mean of the scores of folds, with its interval and p value.

Folds share training rows, so their scores are not independent, and the usual standard error of a mean is too small.
Nadeau and Bengio (Inference for the generalization error, 2003) assume a correlation of n_test / (n_train + n_test)
between scores that share rows, from which follows

    variance of the mean = (1 / k + n_test / n_train) s^2,    Student's t with k - 1 degrees of freedom

for k scores with the sample deviation s. With r repeats of k folds there are r k scores, and the formula is the same
(Bouckaert and Frank, Evaluating the replicability of significance tests, 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pipeline.evaluation.bootstrap_groups import LEVEL


@dataclass(frozen=True)
class CorrectedMean:
    """A mean of correlated scores.

    Attributes:
        count: number of scores.
        mean: mean of the scores; None if there are none, or infinities of both signs.
        deviation: sample standard deviation (k - 1 in the denominator); None for fewer than two scores or infinities.
        interval: 95 % interval of the mean; None where the deviation is. It is symmetric, and may exceed the range of
            the metric.
        p_value: probability of a mean at least so far from 0 if the true one is 0; None where the deviation is.
    """

    count: int
    mean: float | None = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None


def corrected_mean(scores: Sequence[float], ratio: float) -> CorrectedMean:
    """Summarize scores.

    Args:
        scores: values of one metric by fold, or their differences from another model's; no NaN.
        ratio: held-out rows over training rows; 0 if scores are independent.
    """
    count = len(scores)
    if not all(map(math.isfinite, scores)):
        total = sum(scores)
        return CorrectedMean(count, None if math.isnan(total) else total)
    if count < 2:
        return CorrectedMean(count, scores[0] if scores else None)
    # Relative to the first one, so that equal scores have a deviation of exactly 0, without rounding.
    shifted = np.asarray(scores, dtype=np.float64) - scores[0]
    mean, deviation = float(scores[0] + shifted.mean()), float(shifted.std(ddof=1))
    error = deviation * math.sqrt(1.0 / count + ratio)
    reach = error * float(stats.t.ppf((1.0 + LEVEL) / 2.0, count - 1))
    return CorrectedMean(count, mean, deviation, (mean - reach, mean + reach), _p_value(mean, error, count - 1))


def _p_value(mean: float, error: float, freedom: int) -> float:
    """The two-sided p value; 0 or 1 for scores without any deviation."""
    if not error:
        return 1.0 if mean == 0.0 else 0.0
    return float(2.0 * stats.t.sf(abs(mean) / error, freedom))
