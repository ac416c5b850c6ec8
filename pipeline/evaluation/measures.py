"""From an accumulator to metrics with their intervals, and to the parts of the report that plots are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.evaluation.accumulator import Accumulator, AccumulatorSpec
from pipeline.evaluation.bootstrap_groups import intervals, replicate_weights
from pipeline.evaluation.classification import BIN_ROWS, BIN_SCORES, BIN_TRUE, CALIBRATION_BINS, STEPS, ClassAccumulator
from pipeline.evaluation.curves import average_precision, lift_curve, mean_curve, precision_curve, roc_curve
from pipeline.evaluation.metrics import (
    area_metrics,
    area_replicates,
    class_areas,
    class_replicates,
    counts_of,
    micro,
    rates,
)
from pipeline.evaluation.regression import MEDIANS, RegressionAccumulator, medians_of, regression_replicates
from pipeline.evaluation.report.classification import CONFUSION_CLASSES, CalibrationBin, CalibrationReport, ClassCurves, ClassMetrics, ConfusionMatrix, ThresholdRow
from pipeline.evaluation.report.regression import QUANTILES, Counts, Grid, RegressionReport
from pipeline.evaluation.report.extremes import ExtremeRow, Extremes
from pipeline.evaluation.sketch import absolute, quantiles
from pipeline.metrics import METRICS, Metric
from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]

CURVES_AT_MOST = 20
"""Classes whose curves are told."""
ERROR_BINS = 60


@dataclass(frozen=True)
class MeasuredMetrics:
    """Metrics of an accumulator.

    Attributes:
        metrics: by name; None where undefined.
        intervals: by metric, of those that have one.
        error_bounds: by metric, by how much it may be off since it is computed of cells.
    """

    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    error_bounds: Mapping[str, float]


def compute_metrics(
    accumulator: Accumulator, *, with_intervals: bool = True, further: Sequence[str] = ()
) -> MeasuredMetrics:
    """The metrics of some rows.

    Args:
        accumulator: the rows.
        with_intervals: whether replicates are drawn; the accumulator is to have groups then.
        further: metrics of the user's own beside the registered ones, see `evaluate.metrics`.

    Raises:
        ConfigError: one of these is none, or an evaluation cannot measure it for such labels.
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
    """Metrics that are measured one by one: the registered ones that fit, and the named ones.

    Raises:
        ConfigError: a named one does not fit.
    """
    classes = isinstance(accumulator, ClassAccumulator)
    metrics = [METRICS.get(name) for name in names]
    for name, metric in zip(names, metrics, strict=True):
        if not metric.is_reduced_for(classes=classes):
            kind = "have classes" if classes else "are numbers"
            raise ConfigError(
                f"evaluate.metrics: '{name}' cannot be measured for labels that {kind}. "
                "Allowed: a Metric with `reduce` that fits such labels. Remove it."
            )
    return [*(metric for metric in METRICS.entries.values() if metric.is_reduced_for(classes=classes)), *metrics]


def _reduced(metric: Metric, accumulator: Accumulator, weights: Floats) -> Floats:
    assert metric.reduce is not None, "see `Metric.is_reduced_for`"
    return metric.reduce(accumulator, weights)


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
    metrics = {name: _defined(float(line[0])) for name, line in values.items()}
    replicates = {name: line[1:] for name, line in values.items() if metrics[name] is not None and len(line) > 1}
    return MeasuredMetrics(
        metrics, intervals(replicates), {name: off for name, off in error_bounds.items() if metrics[name] is not None}
    )


def confusion_of(label: LabelSpec, accumulator: ClassAccumulator) -> ConfusionMatrix | None:
    """The confusion matrix; None of too many classes."""
    if len(label.classes) > CONFUSION_CLASSES:
        return None
    return ConfusionMatrix(classes=label.classes, counts=tuple(tuple(row) for row in accumulator.confusion.tolist()))


def classes_of(label: LabelSpec, accumulator: ClassAccumulator) -> tuple[ClassMetrics, ...]:
    """Every class against all others."""
    actual, predicted = accumulator.confusion.sum(axis=1), accumulator.confusion.sum(axis=0)
    counts = np.stack([actual, predicted, np.diag(accumulator.confusion)])[None].astype(np.float64)
    metrics = {name: values[0] for name, values in rates(counts).items() if name in ClassMetrics.model_fields}
    metrics["auc"], metrics["average_precision"] = _class_areas(accumulator)
    return tuple(
        ClassMetrics(
            name=name,
            rows=int(actual[c]),
            predicted=int(predicted[c]),
            **{metric: _defined(float(values[c])) for metric, values in metrics.items()},
        )
        for c, name in enumerate(label.classes)
    )


def _class_areas(accumulator: ClassAccumulator) -> tuple[Floats, Floats]:
    """By class id. Of two classes the first one's scores are the second one's, turned round."""
    areas, precisions = class_areas(accumulator)
    if len(accumulator.scores) > 1:
        return areas, precisions
    turned = counts_of(accumulator.scores[0])[::-1, ::-1]
    return np.repeat(areas, 2), np.array([float(average_precision(turned)), precisions[0]])


def curves_of(label: LabelSpec, accumulator: ClassAccumulator) -> tuple[ClassCurves, ...]:
    """Curves of classes, those of all classes together first."""
    areas, precisions = class_areas(accumulator)
    if len(accumulator.scores) == 1:
        return (_curves(label.classes[1], counts_of(accumulator.scores[0]), areas[0], precisions[0]),)
    frequent = np.argsort(-accumulator.confusion.sum(axis=1), kind="stable")[:CURVES_AT_MOST].tolist()
    single = [_curves(label.classes[c], counts_of(accumulator.scores[c]), areas[c], precisions[c]) for c in frequent]
    metrics, _ = area_metrics(accumulator)
    pooled = _curves("micro", micro(accumulator), metrics["auc_micro"], metrics["average_precision_micro"])
    rocs = [roc for sketch in accumulator.scores if (roc := roc_curve(counts_of(sketch))) is not None]
    mean = ClassCurves(
        name="macro",
        auc=_defined(metrics["auc"]),
        average_precision=_defined(metrics["average_precision"]),
        roc=mean_curve(rocs),
    )
    return (pooled.model_copy(update={"lift": None}), mean, *single)


def _curves(name: str, counts: Floats, auc: float, precision: float) -> ClassCurves:
    return ClassCurves(
        name=name,
        auc=_defined(float(auc)),
        average_precision=_defined(float(precision)),
        roc=roc_curve(counts),
        pr=precision_curve(counts),
        lift=lift_curve(counts),
    )


def calibration_of(label: LabelSpec, accumulator: ClassAccumulator) -> CalibrationReport:
    """Probabilities against what came true."""
    sums = accumulator.calibration.sum(axis=0)
    rows = sums[:, BIN_ROWS]
    used = np.flatnonzero(rows)
    bins = tuple(
        CalibrationBin(
            low=b / CALIBRATION_BINS,
            high=(b + 1) / CALIBRATION_BINS,
            rows=int(rows[b]),
            predicted=float(sums[b, BIN_SCORES] / rows[b]),
            observed=float(sums[b, BIN_TRUE] / rows[b]),
        )
        for b in used.tolist()
    )
    gaps = [abs(part.predicted - part.observed) for part in bins]
    error = sum(gap * part.rows for gap, part in zip(gaps, bins, strict=True)) / accumulator.rows if bins else None
    of = label.classes[1] if len(label.classes) == 2 else ""
    return CalibrationReport(of=of, bins=bins, error=error, worst=max(gaps, default=None))


def thresholds_of(accumulator: ClassAccumulator) -> tuple[ThresholdRow, ...]:
    """A binary label at every threshold; empty for several classes."""
    if not len(accumulator.thresholds):
        return ()
    reached = accumulator.thresholds[::-1].cumsum(axis=0)[::-1][1:]
    negatives, positives = accumulator.thresholds.sum(axis=0)
    false, true = reached[:, 0], reached[:, 1]
    counts = np.zeros((len(STEPS), 3, 2))
    counts[:, 0], counts[:, 1, 1], counts[:, 2, 1] = (negatives, positives), true + false, true
    metrics = {name: values[:, 1] for name, values in rates(counts).items() if name in ThresholdRow.model_fields}
    rows = negatives + positives
    with np.errstate(invalid="ignore"):
        metrics["accuracy"] = (true + negatives - false) / rows
        metrics["predicted"] = (true + false) / rows
    return tuple(
        ThresholdRow(
            threshold=float(step),
            true_positives=int(true[i]),
            false_positives=int(false[i]),
            **{name: _defined(float(values[i])) for name, values in metrics.items()},
        )
        for i, step in enumerate(STEPS)
    )


def regression_of(accumulator: RegressionAccumulator, edges: Floats, *, log: bool) -> RegressionReport:
    """How a regression is wrong.

    Args:
        accumulator: the rows.
        edges: of its window.
        log: whether they are in equal ratios.
    """
    if not accumulator.rows:
        return RegressionReport()
    signed, _ = quantiles(accumulator.errors, QUANTILES)
    sizes, _ = quantiles(absolute(accumulator.errors), QUANTILES)
    bins, inside = tuple(edges.tolist()), accumulator.grid[:-1, :-1]
    reach = _reach(accumulator)
    low, high, low_predicted, high_predicted = accumulator.ranges.tolist()
    return RegressionReport(
        quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, signed, strict=True)},
        absolute_quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, sizes, strict=True)},
        errors=_error_histogram(accumulator, reach),
        predicted_over_actual=Grid(
            x_edges=bins,
            y_edges=bins,
            counts=tuple(tuple(row) for row in inside.tolist()),
            outside=int(accumulator.rows - inside.sum()),
            log=log,
        ),
        error_over_predicted=_error_grid(accumulator, edges, reach),
        lowest=low,
        highest=high,
        lowest_predicted=low_predicted,
        highest_predicted=high_predicted,
    )


def _reach(accumulator: RegressionAccumulator) -> float:
    """How far from 0 histograms go: 99 % of the errors, unless few of them stretch it out of all shape."""
    low, lower, upper, high = quantiles(accumulator.errors, [0.005, 0.25, 0.75, 0.995])[0].tolist()
    reach, interquartile = max(abs(low), abs(high)), upper - lower
    return 1.02 * (min(reach, max(abs(lower), abs(upper)) + 8.0 * interquartile) if interquartile else reach) or 1.0


def _error_histogram(accumulator: RegressionAccumulator, reach: float) -> Counts:
    bins = int(np.clip(2 * np.sqrt(accumulator.rows), 11, ERROR_BINS))
    edges = np.linspace(-reach, reach, bins + 1)
    values, rows = accumulator.errors.middle, accumulator.errors.counts[:, 0]
    indices = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(indices, weights=rows, minlength=bins).astype(np.int64)
    below, above = int(rows[values < edges[0]].sum()), int(rows[values > edges[-1]].sum())
    return Counts(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), below=below, above=above)


def _error_grid(accumulator: RegressionAccumulator, edges: Floats, reach: float) -> Grid:
    """Errors (y) over predictions (x)."""
    heights = np.linspace(-reach, reach, len(edges))
    values, bins = accumulator.by_prediction.middle, len(edges) - 1
    indices = np.searchsorted(heights, values, side="right") - 1
    kept = (indices >= 0) & (indices < bins)
    counts = np.zeros((bins, bins), np.int64)
    np.add.at(counts, indices[kept], accumulator.by_prediction.counts[kept, :bins])
    return Grid(
        x_edges=tuple(edges.tolist()),
        y_edges=tuple(heights.tolist()),
        counts=tuple(tuple(row) for row in counts.tolist()),
        outside=int(accumulator.rows - counts.sum()),
    )


def extremes_of(spec: AccumulatorSpec, accumulator: Accumulator) -> Extremes:
    """The rows at both ends, without the values of the source."""
    extreme_rows = accumulator.extreme_rows
    rows = [_extreme(spec.label, accumulator, position) for position in range(len(extreme_rows.row_id))]
    return Extremes(
        worst=tuple(rows[position] for position in extreme_rows.largest().tolist()),
        best=tuple(rows[position] for position in extreme_rows.smallest().tolist()),
    )


def _extreme(label: LabelSpec, accumulator: Accumulator, position: int) -> ExtremeRow:
    row_id, facts = int(accumulator.extreme_rows.row_id[position]), accumulator.extreme_rows.facts[position].tolist()
    if isinstance(accumulator, RegressionAccumulator):
        _, actual, predicted = facts
        return ExtremeRow(row_id=row_id, label=actual, prediction=predicted, error=predicted - actual)
    loss, actual, predicted, probability = facts
    return ExtremeRow(
        row_id=row_id,
        label=label.classes[int(actual)],
        prediction=label.classes[int(predicted)],
        error=loss,
        probability=probability,
    )


def _defined(value: float) -> float | None:
    return value if np.isfinite(value) else None
