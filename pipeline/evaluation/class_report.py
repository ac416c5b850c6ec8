"""The parts of a report about labels with classes, from their accumulator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.class_accumulator import (
    BIN_ROWS,
    BIN_SCORES,
    BIN_TRUE,
    CALIBRATION_BINS,
    STEPS,
    ClassAccumulator,
)
from pipeline.evaluation.class_metrics import area_metrics, class_areas, counts_of, micro, rates
from pipeline.evaluation.curves import average_precision, lift_curve, mean_curve, precision_curve, roc_curve
from pipeline.evaluation.measured_metrics import defined
from pipeline.evaluation.report.classification import (
    CONFUSION_CLASSES,
    CalibrationBin,
    CalibrationReport,
    ClassCurves,
    ClassMetrics,
    ConfusionMatrix,
    ThresholdRow,
)
from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]

CURVES_AT_MOST = 20
"""The largest number of classes whose curves are reported."""


def confusion_of(label: LabelSpec, accumulator: ClassAccumulator) -> ConfusionMatrix | None:
    """The confusion matrix; None for more than `CONFUSION_CLASSES` classes."""
    if len(label.classes) > CONFUSION_CLASSES:
        return None
    return ConfusionMatrix(classes=label.classes, counts=tuple(tuple(row) for row in accumulator.confusion.tolist()))


def classes_of(label: LabelSpec, accumulator: ClassAccumulator) -> tuple[ClassMetrics, ...]:
    """Metrics of every class against all others."""
    actual, predicted = accumulator.confusion.sum(axis=1), accumulator.confusion.sum(axis=0)
    counts = np.stack([actual, predicted, np.diag(accumulator.confusion)])[None].astype(np.float64)
    metrics = {name: values[0] for name, values in rates(counts).items() if name in ClassMetrics.model_fields}
    metrics["auc"], metrics["average_precision"] = _class_areas(accumulator)
    return tuple(
        ClassMetrics(
            name=name,
            rows=int(actual[c]),
            predicted=int(predicted[c]),
            **{metric: defined(float(values[c])) for metric, values in metrics.items()},
        )
        for c, name in enumerate(label.classes)
    )


def _class_areas(accumulator: ClassAccumulator) -> tuple[Floats, Floats]:
    """AUC and average precision by class id; of two classes, the first one's scores are the second one's, reversed."""
    areas, precisions = class_areas(accumulator)
    if len(accumulator.scores) > 1:
        return areas, precisions
    turned = counts_of(accumulator.scores[0])[::-1, ::-1]
    return np.repeat(areas, 2), np.array([float(average_precision(turned)), precisions[0]])


def curves_of(label: LabelSpec, accumulator: ClassAccumulator) -> tuple[ClassCurves, ...]:
    """Curves of the most frequent classes, after those of all classes together."""
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
        auc=defined(metrics["auc"]),
        average_precision=defined(metrics["average_precision"]),
        roc=mean_curve(rocs),
    )
    return (pooled.model_copy(update={"lift": None}), mean, *single)


def _curves(name: str, counts: Floats, auc: float, precision: float) -> ClassCurves:
    return ClassCurves(
        name=name,
        auc=defined(float(auc)),
        average_precision=defined(float(precision)),
        roc=roc_curve(counts),
        pr=precision_curve(counts),
        lift=lift_curve(counts),
    )


def calibration_of(label: LabelSpec, accumulator: ClassAccumulator) -> CalibrationReport:
    """Predicted probabilities against observed shares."""
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
    """Metrics of a binary label at every threshold; empty for several classes."""
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
            **{name: defined(float(values[i])) for name, values in metrics.items()},
        )
        for i, step in enumerate(STEPS)
    )
