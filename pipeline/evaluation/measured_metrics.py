"""The metrics of an accumulator, with their intervals and error bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, Problem, gather
from pipeline.evaluation.accumulator import Accumulator
from pipeline.evaluation.bootstrap_groups import intervals, replicate_weights
from pipeline.evaluation.class_accumulator import ClassAccumulator
from pipeline.evaluation.class_metrics import area_metrics, area_replicates, class_replicates
from pipeline.evaluation.regression_accumulator import MEDIANS, RegressionAccumulator, medians_of, regression_replicates
from pipeline.metrics import METRICS, Metric

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredMetrics:
    """The metrics of an accumulator.

    Attributes:
        metrics: values by name; None where undefined.
        intervals: 95 % intervals by metric, of those that have one.
        error_bounds: by metric, how far it may be off because it is computed from cells.
    """

    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    error_bounds: Mapping[str, float]


def compute_metrics(
    accumulator: Accumulator, *, with_intervals: bool = True, further: Sequence[str] = ()
) -> MeasuredMetrics:
    """Compute the metrics of some rows.

    Args:
        accumulator: the accumulator of the rows.
        with_intervals: whether to compute bootstrap intervals; the accumulator needs groups for them.
        further: metrics of the user's own beside the registered ones, see `evaluate.metrics`.

    Raises:
        ConfigError: one of `further` is no metric, or cannot be measured for such labels.
    """
    groups = len(accumulator.sums)
    weights = replicate_weights(groups) if with_intervals and accumulator.rows else np.ones((1, groups))
    more = {metric.name: _reduced(metric, accumulator, weights) for metric in further_metrics(further, accumulator)}
    if isinstance(accumulator, RegressionAccumulator):
        return _regression(accumulator, weights, more)
    values = class_replicates(accumulator, weights) | more
    areas, error_bounds = area_metrics(accumulator)
    replicates = area_replicates(accumulator, weights, areas) if len(weights) > 1 else {}
    values |= {name: replicates.get(name, np.array([value])) for name, value in areas.items()}
    return _measured(values, error_bounds)


def further_metrics(names: Sequence[str], accumulator: Accumulator) -> list[Metric]:
    """Metrics that are measured by their own `reduce`: the registered ones that fit, and the named ones.

    Raises:
        ConfigError: a named one does not fit.
    """
    classes = isinstance(accumulator, ClassAccumulator)
    check_further(names, classes=classes)
    metrics = [*METRICS.entries.values(), *(METRICS.get(name) for name in names if name not in METRICS.entries)]
    return [metric for metric in metrics if metric.is_reduced_for(classes=classes)]


def check_further(names: Sequence[str], *, classes: bool) -> None:
    """Check the names in `evaluate.metrics` against the label, with or without classes.

    Raises:
        ConfigError: a metric is neither measured anyway nor by its own `reduce`.
    """
    problems = []
    for name in names:
        metric = METRICS.get(name)
        shipped = name in METRICS.entries and metric.is_measured_for(classes=classes)
        if not (shipped or metric.is_reduced_for(classes=classes)):
            what = f"'{name}' cannot be measured for labels that {'have classes' if classes else 'are numbers'}"
            problems.append(Problem(what, "a Metric with `reduce` that fits such labels", remedy="Remove it"))
    if problems:
        raise ConfigError(f"evaluate.metrics: {gather('some do not fit the label', problems)}")


def _reduced(metric: Metric, accumulator: Accumulator, weights: Floats) -> Floats:
    assert metric.reduce is not None, "see `Metric.is_reduced_for`"
    try:
        values = np.asarray(metric.reduce(accumulator, weights), dtype=np.float64)
    except Exception as error:  # whatever the user's code raises
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(
            f"evaluate.metrics: '{metric.name}' cannot be computed: {type(error).__name__}: {reason}. "
            "Correct its `reduce`, or remove it."
        ) from error
    if values.shape != weights.shape[:1]:
        raise ConfigError(
            f"evaluate.metrics: '{metric.name}' gives values of a wrong shape. Allowed: {list(weights.shape[:1])}, one "
            f"for each replicate. Received: {list(values.shape)}. Correct its `reduce`, or remove it."
        )
    return values


def _regression(accumulator: RegressionAccumulator, weights: Floats, more: Mapping[str, Floats]) -> MeasuredMetrics:
    metrics_of_sums = _measured({**regression_replicates(accumulator, weights), **more}, {})
    medians = medians_of(accumulator.errors) if accumulator.rows else {}
    metrics = {name: medians[name].value if name in medians else None for name in MEDIANS}
    bounds = {name: median.interval for name, median in medians.items()} if len(weights) > 1 else {}
    error_bounds = {name: median.error_bound for name, median in medians.items() if median.error_bound > 0.0}
    return MeasuredMetrics(
        {**metrics_of_sums.metrics, **metrics}, {**metrics_of_sums.intervals, **bounds}, error_bounds
    )


def _measured(values: Mapping[str, Floats], error_bounds: Mapping[str, float]) -> MeasuredMetrics:
    metrics = {name: defined(float(line[0])) for name, line in values.items()}
    replicates = {name: line[1:] for name, line in values.items() if metrics[name] is not None and len(line) > 1}
    return MeasuredMetrics(
        metrics, intervals(replicates), {name: off for name, off in error_bounds.items() if metrics[name] is not None}
    )


def defined(value: float) -> float | None:
    """A finite number; None for any other."""
    return value if np.isfinite(value) else None
