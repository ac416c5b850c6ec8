"""The results of an evaluation, as one document, `evaluation.json`.

Its size is bounded whatever the number of rows: curves have at most `CURVE_POINTS` points, sweeps `THRESHOLDS` rows,
histograms fixed numbers of bins, and slices at most 21 values each.

A value that the rows do not define (R2 of a constant label, AUC with one class only, anything without rows) is None,
never 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.evaluation.metric_names import Metrics
from pipeline.evaluation.report.classification import (
    CalibrationReport,
    ClassCurves,
    ClassMetrics,
    ConfusionMatrix,
    ThresholdRow,
)
from pipeline.evaluation.report.extremes import Extremes
from pipeline.evaluation.report.importance import ImportanceReport
from pipeline.evaluation.report.regression import RegressionReport
from pipeline.evaluation.report.slices import SliceReport
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.schemas.target import TARGETS, Target, TaskName


class EvalReport(Document):
    """One model on the rows of one split.

    Attributes:
        task: the name of a target.
        label: the label's name.
        split: name of the split.
        rows: number of rows that were scored.
        metrics: metrics of the model.
        intervals: by metric, the bounds that hold 95 % of its Poisson bootstrap replicates; metrics without an interval
            are absent.
        errors_of_bins: by metric, how far it may be off because it is computed from bins; exact ones are absent.
        baselines: the same metrics of simple models on the same rows: `mean` or `majority`, which know the training
            labels only, and `linear`.
        confusion: confusion matrix of a classification with at most `CONFUSION_CLASSES` classes.
        classes: metrics of each class of a classification, by class id.
        curves: curves of a classification: `micro` and `macro`, then at most 20 classes, the most frequent first.
        calibration: calibration of a classification.
        thresholds: threshold sweep of a binary label.
        regression: errors of a regression.
        slices: metrics by the values of the columns and expressions that were asked for.
        importance: importance of the source's columns; None if it was not asked for.
        extremes: rows with the largest and the smallest errors.
        decision: how probabilities were calibrated and became classes.
        notes: what could not be measured, and why.
    """

    task: TaskName
    label: str = ""
    split: str = "test"
    rows: int
    metrics: Metrics
    intervals: Mapping[str, tuple[float, float]] = {}
    errors_of_bins: Mapping[str, float] = {}
    baselines: Mapping[str, Metrics] = {}
    confusion: ConfusionMatrix | None = None
    classes: tuple[ClassMetrics, ...] = ()
    curves: tuple[ClassCurves, ...] = ()
    calibration: CalibrationReport | None = None
    thresholds: tuple[ThresholdRow, ...] = ()
    regression: RegressionReport | None = None
    slices: tuple[SliceReport, ...] = ()
    importance: ImportanceReport | None = None
    extremes: Extremes = Extremes()
    decision: DecisionRule = DecisionRule()
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """All that depends on the task."""
        return TARGETS.get(self.task)
