"""From a tally to figures: metrics with their intervals, and the parts of the report that plots are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.evaluation.bootstrap_groups import intervals, replicate_weights
from pipeline.evaluation.classification import BIN_ROWS, BIN_SCORES, BIN_TRUE, CALIBRATION_BINS, STEPS, ClassTally
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
from pipeline.evaluation.regression import MEDIANS, RegressionTally, medians_of, regression_replicates
from pipeline.evaluation.report import (
    CONFUSION_CLASSES,
    QUANTILES,
    CalibrationBin,
    CalibrationReport,
    ClassCurves,
    ClassMetrics,
    ConfusionMatrix,
    Counts,
    ExtremeRow,
    Extremes,
    Grid,
    RegressionReport,
    ThresholdRow,
)
from pipeline.evaluation.sketch import absolute, quantiles
from pipeline.evaluation.tally import Measure, Tally
from pipeline.metrics import METRICS, Metric
from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]

CURVES_AT_MOST = 20
"""Classes whose curves are told."""
ERROR_BINS = 60


@dataclass(frozen=True)
class Measured:
    """Metrics of a tally.

    Attributes:
        metrics: by name; None where undefined.
        intervals: by metric, of those that have one.
        error_bounds: by metric, by how much it may be off since it is computed of cells.
    """

    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    error_bounds: Mapping[str, float]


def measure(tally: Tally, *, with_intervals: bool = True, further: Sequence[str] = ()) -> Measured:
    """The metrics of some rows.

    Args:
        tally: the rows.
        with_intervals: whether replicates are drawn; the tally is to have groups then.
        further: metrics of the user's own beside the registered ones, see `evaluate.metrics`.

    Raises:
        ConfigError: one of these is none, or an evaluation cannot measure it for such labels.
    """
    groups = len(tally.sums)
    weights = replicate_weights(groups) if with_intervals and tally.rows else np.ones((1, groups))
    more = {metric.name: _reduced(metric, tally, weights) for metric in further_metrics(further, tally)}
    if isinstance(tally, RegressionTally):
        return _regression(tally, weights, more)
    values = class_replicates(tally, weights) | more
    areas, error_bounds = area_metrics(tally)
    replicates = area_replicates(tally, weights, areas) if len(weights) > 1 else {}
    values |= {name: replicates.get(name, np.array([value])) for name, value in areas.items()}
    return _measured(values, error_bounds)


def further_metrics(names: Sequence[str], tally: Tally) -> list[Metric]:
    """Metrics that are measured one by one: the registered ones that fit, and the named ones.

    Raises:
        ConfigError: a named one does not fit.
    """
    classes = isinstance(tally, ClassTally)
    metrics = [METRICS.get(name) for name in names]
    for name, metric in zip(names, metrics, strict=True):
        if not metric.is_reduced_for(classes=classes):
            kind = "have classes" if classes else "are numbers"
            raise ConfigError(
                f"evaluate.metrics: '{name}' cannot be measured for labels that {kind}. "
                "Allowed: a Metric with `reduce` that fits such labels. Remove it."
            )
    return [*(metric for metric in METRICS.entries.values() if metric.is_reduced_for(classes=classes)), *metrics]


def _reduced(metric: Metric, tally: Tally, weights: Floats) -> Floats:
    assert metric.reduce is not None, "see `Metric.is_reduced_for`"
    return metric.reduce(tally, weights)


def _regression(tally: RegressionTally, weights: Floats, more: Mapping[str, Floats]) -> Measured:
    found = _measured({**regression_replicates(tally, weights), **more}, {})
    medians = medians_of(tally.errors) if tally.rows else {}
    metrics = {name: medians[name].value if name in medians else None for name in MEDIANS}
    bounds = {name: one.interval for name, one in medians.items()} if len(weights) > 1 else {}
    error_bounds = {name: one.error_bound for name, one in medians.items() if one.error_bound > 0.0}
    return Measured({**found.metrics, **metrics}, {**found.intervals, **bounds}, error_bounds)


def _measured(values: Mapping[str, Floats], error_bounds: Mapping[str, float]) -> Measured:
    found = {name: _defined(float(line[0])) for name, line in values.items()}
    known = {name: line[1:] for name, line in values.items() if found[name] is not None and len(line) > 1}
    return Measured(
        found, intervals(known), {name: off for name, off in error_bounds.items() if found[name] is not None}
    )


def confusion_of(label: LabelSpec, tally: ClassTally) -> ConfusionMatrix | None:
    """The confusion matrix; None of too many classes."""
    if len(label.classes) > CONFUSION_CLASSES:
        return None
    return ConfusionMatrix(classes=label.classes, counts=tuple(tuple(row) for row in tally.confusion.tolist()))


def classes_of(label: LabelSpec, tally: ClassTally) -> tuple[ClassMetrics, ...]:
    """Every class against all others."""
    actual, predicted = tally.confusion.sum(axis=1), tally.confusion.sum(axis=0)
    counts = np.stack([actual, predicted, np.diag(tally.confusion)])[None].astype(np.float64)
    found = {name: values[0] for name, values in rates(counts).items() if name in ClassMetrics.model_fields}
    found["auc"], found["average_precision"] = _class_areas(tally)
    return tuple(
        ClassMetrics(
            name=name,
            rows=int(actual[c]),
            predicted=int(predicted[c]),
            **{metric: _defined(float(values[c])) for metric, values in found.items()},
        )
        for c, name in enumerate(label.classes)
    )


def _class_areas(tally: ClassTally) -> tuple[Floats, Floats]:
    """By class id. Of two classes the first one's scores are the second one's, turned round."""
    areas, precisions = class_areas(tally)
    if len(tally.scores) > 1:
        return areas, precisions
    turned = counts_of(tally.scores[0])[::-1, ::-1]
    return np.repeat(areas, 2), np.array([float(average_precision(turned)), precisions[0]])


def curves_of(label: LabelSpec, tally: ClassTally) -> tuple[ClassCurves, ...]:
    """Curves of classes, those of all classes together first."""
    areas, precisions = class_areas(tally)
    if len(tally.scores) == 1:
        return (_curves(label.classes[1], counts_of(tally.scores[0]), areas[0], precisions[0]),)
    frequent = np.argsort(-tally.confusion.sum(axis=1), kind="stable")[:CURVES_AT_MOST].tolist()
    single = [_curves(label.classes[c], counts_of(tally.scores[c]), areas[c], precisions[c]) for c in frequent]
    metrics, _ = area_metrics(tally)
    pooled = _curves("micro", micro(tally), metrics["auc_micro"], metrics["average_precision_micro"])
    rocs = [roc for sketch in tally.scores if (roc := roc_curve(counts_of(sketch))) is not None]
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


def calibration_of(label: LabelSpec, tally: ClassTally) -> CalibrationReport:
    """Probabilities against what came true."""
    sums = tally.calibration.sum(axis=0)
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
    error = sum(gap * part.rows for gap, part in zip(gaps, bins, strict=True)) / tally.rows if bins else None
    of = label.classes[1] if len(label.classes) == 2 else ""
    return CalibrationReport(of=of, bins=bins, error=error, worst=max(gaps, default=None))


def thresholds_of(tally: ClassTally) -> tuple[ThresholdRow, ...]:
    """A binary label at every threshold; empty for several classes."""
    if not len(tally.thresholds):
        return ()
    reached = tally.thresholds[::-1].cumsum(axis=0)[::-1][1:]
    others, own = tally.thresholds.sum(axis=0)
    false, true = reached[:, 0], reached[:, 1]
    counts = np.zeros((len(STEPS), 3, 2))
    counts[:, 0], counts[:, 1, 1], counts[:, 2, 1] = (others, own), true + false, true
    found = {name: values[:, 1] for name, values in rates(counts).items() if name in ThresholdRow.model_fields}
    rows = others + own
    with np.errstate(invalid="ignore"):
        found["accuracy"] = (true + others - false) / rows
        found["predicted"] = (true + false) / rows
    return tuple(
        ThresholdRow(
            threshold=float(step),
            true_positives=int(true[i]),
            false_positives=int(false[i]),
            **{name: _defined(float(values[i])) for name, values in found.items()},
        )
        for i, step in enumerate(STEPS)
    )


def regression_of(tally: RegressionTally, edges: Floats, *, log: bool) -> RegressionReport:
    """How a regression is wrong.

    Args:
        tally: the rows.
        edges: of its window.
        log: whether they are in equal ratios.
    """
    if not tally.rows:
        return RegressionReport()
    signed, _ = quantiles(tally.errors, QUANTILES)
    sizes, _ = quantiles(absolute(tally.errors), QUANTILES)
    bins, inside = tuple(edges.tolist()), tally.grid[:-1, :-1]
    reach = _reach(tally)
    low, high, low_predicted, high_predicted = tally.ranges.tolist()
    return RegressionReport(
        quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, signed, strict=True)},
        absolute_quantiles={f"{share:g}": float(value) for share, value in zip(QUANTILES, sizes, strict=True)},
        errors=_error_histogram(tally, reach),
        predicted_over_actual=Grid(
            x_edges=bins,
            y_edges=bins,
            counts=tuple(tuple(row) for row in inside.tolist()),
            outside=int(tally.rows - inside.sum()),
            log=log,
        ),
        error_over_predicted=_error_grid(tally, edges, reach),
        lowest=low,
        highest=high,
        lowest_predicted=low_predicted,
        highest_predicted=high_predicted,
    )


def _reach(tally: RegressionTally) -> float:
    """How far from 0 histograms go: 99 % of the errors, unless few of them stretch it out of all shape."""
    low, lower, upper, high = quantiles(tally.errors, [0.005, 0.25, 0.75, 0.995])[0].tolist()
    reach, spread = max(abs(low), abs(high)), upper - lower
    return 1.02 * (min(reach, max(abs(lower), abs(upper)) + 8.0 * spread) if spread else reach) or 1.0


def _error_histogram(tally: RegressionTally, reach: float) -> Counts:
    bins = int(np.clip(2 * np.sqrt(tally.rows), 11, ERROR_BINS))
    edges = np.linspace(-reach, reach, bins + 1)
    values, rows = tally.errors.middle, tally.errors.counts[:, 0]
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    counts = np.bincount(places, weights=rows, minlength=bins).astype(np.int64)
    below, above = int(rows[values < edges[0]].sum()), int(rows[values > edges[-1]].sum())
    return Counts(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), below=below, above=above)


def _error_grid(tally: RegressionTally, edges: Floats, reach: float) -> Grid:
    """Errors (y) over predictions (x)."""
    heights = np.linspace(-reach, reach, len(edges))
    values, bins = tally.by_prediction.middle, len(edges) - 1
    places = np.searchsorted(heights, values, side="right") - 1
    kept = (places >= 0) & (places < bins)
    counts = np.zeros((bins, bins), np.int64)
    np.add.at(counts, places[kept], tally.by_prediction.counts[kept, :bins])
    return Grid(
        x_edges=tuple(edges.tolist()),
        y_edges=tuple(heights.tolist()),
        counts=tuple(tuple(row) for row in counts.tolist()),
        outside=int(tally.rows - counts.sum()),
    )


def extremes_of(measure: Measure, tally: Tally) -> Extremes:
    """The rows at both ends, without the values of the source."""
    ends = tally.ends
    rows = [_extreme(measure.label, tally, place) for place in range(len(ends.row_id))]
    return Extremes(
        worst=tuple(rows[place] for place in ends.largest().tolist()),
        best=tuple(rows[place] for place in ends.smallest().tolist()),
    )


def _extreme(label: LabelSpec, tally: Tally, place: int) -> ExtremeRow:
    row_id, facts = int(tally.ends.row_id[place]), tally.ends.facts[place].tolist()
    if isinstance(tally, RegressionTally):
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
