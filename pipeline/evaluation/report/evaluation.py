"""What an evaluation found, as one document, `evaluation.json`.

Its size is bounded whatever the number of rows: curves have at most `CURVE_POINTS` points, sweeps `THRESHOLDS` rows,
histograms fixed numbers of bins, and slices at most 21 values each.

A figure that these rows do not define (R2 of a constant label, AUC with one class only, anything of no rows) is None,
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
        split: whose rows.
        rows: how many rows were scored.
        metrics: of the model.
        intervals: by metric, the bounds between which it lies in 95 % of Poisson bootstrap replicates; a metric
            without one is not there.
        errors_of_bins: by metric, by how much it may be off since it is computed of bins; not there where exact.
        baselines: the same metrics of simple models on the same rows: `mean` or `majority`, which knows the training
            labels only, and `linear`.
        confusion: of a classification of at most `CONFUSION_CLASSES` classes.
        classes: of a classification, by class id.
        curves: of a classification: `micro` and `macro` first, then classes, the most frequent first, at most 20.
        calibration: of a classification.
        thresholds: of a binary label.
        regression: of a regression.
        slices: as asked for.
        importance: of the source's columns; None where it was not asked for.
        extremes: the largest and the smallest errors.
        decision: how probabilities became calibrated ones, and classes.
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
