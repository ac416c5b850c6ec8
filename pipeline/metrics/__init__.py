"""Metrics: their names, their properties and how they are measured, one entry each.

A module of this package holds entries of `Metric`. In training, a metric is a Keras metric whose state is a sum over
rows; an evaluation computes it from accumulators, for all replicates of a bootstrap at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.registry import Registry

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: name in `train.metrics` and in files of reports.
        display: name for people; empty if that is `name` with spaces.
        lower_is_better: whether lower values are better.
        low: the smallest value that it can have.
        high: the largest value that it can have.
        is_share: whether it is a share, shown as a percentage.
        of_numbers: makes the Keras metric for labels that are numbers; None if training cannot measure it. Its
            `update_state` takes labels and predictions, float32 [b, 1], in the label's unit, and weights, float32 [b].
            Its variables are sums; give it `dtype="float64"`.
        of_classes: makes it for labels with classes, from the width k of the network's output: 1 for two classes. Then
            predictions are float64 probabilities, [b, 1] or [b, k], and labels class ids, float32 [b, 1], or for
            several classes one-hot, float64 [b, k]: cast one to the type of the other before computing with both.
        reduce: computes the metric of r replicates, [r], NaN where undefined, from an evaluation's accumulator
            (`RegressionAccumulator` or `ClassAccumulator`) and how often each of its g groups counts, [r, g]; all are
            float64. None for the metrics that `evaluation/measured_metrics.py` computes together, as they share sums.
        fits_numbers: whether an evaluation measures it for labels that are numbers.
        fits_classes: whether an evaluation measures it for labels with classes.
    """

    name: str
    display: str = ""
    lower_is_better: bool = False
    low: float = -math.inf
    high: float = math.inf
    is_share: bool = False
    of_numbers: Callable[[], Any] | None = None
    of_classes: Callable[[int], Any] | None = None
    reduce: Callable[[Any, Floats], Floats] | None = None
    fits_numbers: bool = False
    fits_classes: bool = False

    @property
    def title(self) -> str:
        """The name for people."""
        return self.display or self.name.replace("_", " ")

    def is_trained_on(self, *, classes: bool) -> bool:
        """Whether training can measure it for labels with or without classes."""
        return (self.of_classes if classes else self.of_numbers) is not None

    def is_measured_for(self, *, classes: bool) -> bool:
        """Whether an evaluation measures it for labels with or without classes."""
        return self.fits_classes if classes else self.fits_numbers

    def is_reduced_for(self, *, classes: bool) -> bool:
        """Whether `reduce` measures it for labels with or without classes."""
        return self.reduce is not None and self.is_measured_for(classes=classes)


METRICS = Registry("metric", __name__, Metric)

MEANS = frozenset({"macro", "micro", "weighted"})
"""Means over classes, as the last part of a metric's name: `auc_macro`."""


def metric_info(name: str) -> Metric:
    """The metric of a name, also of a name for its mean over classes; a metric with defaults if there is no entry."""
    base, _ = parts_of(name)
    return METRICS.entries.get(base) or Metric(base)


def parts_of(name: str) -> tuple[str, str]:
    """A name and its mean: `auc_macro` is `auc` and `macro`; the second part is empty if it is no mean over classes."""
    base, _, mean = name.rpartition("_")
    return (base, mean) if mean in MEANS else (name, "")


def trained_metrics(*, classes: bool) -> tuple[str, ...]:
    """Names of the metrics that training can measure for labels with or without classes."""
    return tuple(name for name, metric in METRICS.entries.items() if metric.is_trained_on(classes=classes))
