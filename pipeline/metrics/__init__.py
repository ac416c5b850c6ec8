"""Metrics: how they are called and read, and how they are measured, one entry each.

A module of this package holds entries of `Metric`. While a network trains, a metric is a Keras metric whose state is a
sum over rows; an evaluation computes it of what it keeps of the rows, for all replicates of a bootstrap at once.
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
        name: as `train.metrics` and reports' files say it.
        display: as people call it; empty where that is `name` with spaces.
        lower_is_better: its direction.
        low: the least that it can be.
        high: the most.
        is_share: whether it is a share of rows or the like, shown as a percentage.
        of_numbers: makes the Keras metric for labels that are numbers; None where training cannot measure it.
        of_classes: the same for labels with classes, from the width of the network's output: 1 for two classes.
        reduce: from an evaluation's accumulator (`RegressionAccumulator` or `ClassAccumulator`) and how often each of
            its g groups counts in r replicates, [r, g], to the metric of each replicate, [r], NaN where undefined. None
            for the metrics that `evaluation/measured_metrics.py` computes together, since they share sums.
        fits_numbers: whether an evaluation measures it by `reduce` for labels that are numbers.
        fits_classes: the same for labels with classes.
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
        """As people call it."""
        return self.display or self.name.replace("_", " ")

    def is_trained_on(self, *, classes: bool) -> bool:
        """Whether training can measure it for labels of this kind."""
        return (self.of_classes if classes else self.of_numbers) is not None

    def is_reduced_for(self, *, classes: bool) -> bool:
        """Whether `reduce` measures it for labels of this kind."""
        return self.reduce is not None and (self.fits_classes if classes else self.fits_numbers)


METRICS = Registry("metric", __name__, Metric)

MEANS = frozenset({"macro", "micro", "weighted"})
"""Over classes, as the last part of a metric's name: `auc_macro`."""


def metric_info(name: str) -> Metric:
    """The metric of that name, or of which it is the mean over classes; without an entry, all is as by default."""
    base, _ = parts_of(name)
    return METRICS.entries.get(base) or Metric(base)


def parts_of(name: str) -> tuple[str, str]:
    """`auc_macro` as `auc` and `macro`; of a metric that is no mean over classes the second part is empty."""
    base, _, mean = name.rpartition("_")
    return (base, mean) if mean in MEANS else (name, "")


def trained_metrics(*, classes: bool) -> tuple[str, ...]:
    """Names of those that training can measure for labels of a kind."""
    return tuple(name for name, metric in METRICS.entries.items() if metric.is_trained_on(classes=classes))
