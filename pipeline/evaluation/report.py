"""What an evaluation found, as one document, `evaluation.json`.

Its size is bounded whatever the number of rows: curves have at most `CURVE_POINTS` points, sweeps `THRESHOLDS` rows,
histograms fixed numbers of bins, and slices at most 21 values each.

A figure that these rows do not define (R2 of a constant label, AUC with one class only, anything of no rows) is None,
never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.schemas.target import TARGETS, Target, TaskName

Metrics = Mapping[str, float | None]
"""Values by the metric's name; None where a metric is not defined for these rows."""

CURVE_POINTS = 200
"""Of a curve at most."""
THRESHOLDS = 101
"""Rows of a threshold sweep: 0, 0.01, ..., 1."""
CONFUSION_CLASSES = 200
"""Classes up to which the confusion matrix is in the report."""
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""At which errors are told."""


class ConfusionMatrix(Document):
    """How often each class was taken for which.

    Attributes:
        classes: names by class id.
        counts: `counts[i][j]` rows of class i were predicted as class j.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        size = len(self.classes)
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ValueError(f"a confusion matrix of {size} classes has {size} rows of {size} counts")
        return self


class ClassMetrics(Document):
    """One class against all others, each row belonging to the class that was predicted.

    Attributes:
        name: of the class.
        rows: that belong to it.
        predicted: rows that were predicted as it.
        prevalence: share of the rows that belong to it.
        precision: share of the rows predicted as it that belong to it.
        recall: share of its rows that were predicted as it; the true-positive rate.
        specificity: share of the other rows that were predicted as others.
        false_positive_rate: share of the other rows that were predicted as it.
        f1: harmonic mean of precision and recall.
        auc: area under the ROC curve of its probability.
        average_precision: area under its precision-recall curve, as scikit-learn's `average_precision_score`.
    """

    name: str
    rows: int
    predicted: int
    prevalence: float | None = None
    precision: float | None = None
    recall: float | None = None
    specificity: float | None = None
    false_positive_rate: float | None = None
    f1: float | None = None
    auc: float | None = None
    average_precision: float | None = None


class Curve(Document):
    """A line of at most `CURVE_POINTS` points.

    Attributes:
        x: ascending.
        y: as many.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]


class ClassCurves(Document):
    """What a probability is worth at all thresholds together.

    Attributes:
        name: of the class; `micro` (all pairs of row and class together) or `macro` (the mean over classes) for
            several classes. A binary label has its class id 1 alone.
        auc: area under the whole ROC curve, not only the points here.
        average_precision: under the precision-recall curve.
        roc: true-positive rate (y) over false-positive rate (x), from (0, 0) to (1, 1); None where undefined.
        pr: precision (y) over recall (x); None where undefined, and for `macro`.
        lift: how many times more frequent the class is (y) in the share of rows with its highest probabilities (x)
            than in all rows; None where undefined, and for `micro` and `macro`.
    """

    name: str
    auc: float | None = None
    average_precision: float | None = None
    roc: Curve | None = None
    pr: Curve | None = None
    lift: Curve | None = None


class CalibrationBin(Document):
    """Rows whose probability is between two bounds.

    Attributes:
        low: the lower bound, which belongs to the bin.
        high: the upper bound, which belongs to the last bin only.
        rows: in it, more than 0.
        predicted: their mean probability.
        observed: the share of them for which it came true.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float


class CalibrationReport(Document):
    """Whether probabilities mean what they say.

    Attributes:
        of: whose probability: the name of class id 1 of a binary label; empty for several classes, where it is that
            of the class that was predicted.
        bins: of equal width, those without rows left out.
        error: the expected calibration error: the mean of |predicted - observed|, weighted by rows.
        worst: the largest |predicted - observed|.
    """

    of: str = ""
    bins: tuple[CalibrationBin, ...] = ()
    error: float | None = None
    worst: float | None = None


class ThresholdRow(Document):
    """A binary label, were rows given to class id 1 from this probability on.

    Attributes:
        threshold: the probability.
        true_positives: rows of class id 1 at or above it.
        false_positives: rows of class id 0 at or above it.
        precision: see `ClassMetrics`; so are the next four.
        recall: of class id 1.
        specificity: of class id 1.
        false_positive_rate: of class id 1.
        f1: of class id 1.
        accuracy: share of all rows that are right.
        predicted: share of all rows that are given to class id 1.
    """

    threshold: float
    true_positives: int
    false_positives: int
    precision: float | None = None
    recall: float | None = None
    specificity: float | None = None
    false_positive_rate: float | None = None
    f1: float | None = None
    accuracy: float | None = None
    predicted: float | None = None


class Counts(Document):
    """A histogram.

    Attributes:
        edges: ascending, one more than counts; the outer bins also hold what lies beyond.
        counts: rows by bin; a bin holds its lower edge.
        below: rows of the first bin that lie below its edge.
        above: rows of the last bin that lie above its edge.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


class Grid(Document):
    """A histogram in two dimensions, over the same edges on both axes or not.

    Attributes:
        x_edges: ascending, one more than columns.
        y_edges: ascending, one more than rows of counts.
        counts: `counts[i][j]` rows lie in bin i of y and bin j of x.
        outside: rows that lie outside the edges, and so in no bin.
        log: whether both axes are to be logarithmic.
    """

    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
    outside: int = 0
    log: bool = False


class RegressionReport(Document):
    """How a regression is wrong; an error is predicted minus actual, in the label's unit.

    Attributes:
        quantiles: error at each of `QUANTILES`, keyed `0.05`; of many rows within some 0.01 % of the exact one.
        absolute_quantiles: the same of |error|.
        errors: their histogram.
        predicted_over_actual: predicted (y) over actual values (x).
        error_over_predicted: errors (y) over predicted values (x).
        lowest: of the actual values; so are the next three.
        highest: of the actual values.
        lowest_predicted: the smallest prediction.
        highest_predicted: the largest one.
    """

    quantiles: Mapping[str, float] = {}
    absolute_quantiles: Mapping[str, float] = {}
    errors: Counts | None = None
    predicted_over_actual: Grid | None = None
    error_over_predicted: Grid | None = None
    lowest: float | None = None
    highest: float | None = None
    lowest_predicted: float | None = None
    highest_predicted: float | None = None


class SliceValue(Document):
    """The rows that share a value.

    Attributes:
        value: for people: a text, `[low, high)` of a number, `(null)`, or `(others)`, the rest of the values.
        rows: that have it.
        metrics: of the model on them.
    """

    value: str
    rows: int
    metrics: Metrics


class SliceReport(Document):
    """The rows, divided by a column or an expression.

    Attributes:
        by: the column or the expression.
        values: numbers ascending, texts by their rows; `(others)` and `(null)` last.
    """

    by: str
    values: tuple[SliceValue, ...]


class Importance(Document):
    """What a column is worth: how much worse the model is where its values are shuffled.

    Attributes:
        column: of the source.
        drop: by how much `metric` gets worse, the mean of the repeats; negative where it gets better.
        deviation: of the repeats.
    """

    column: str
    drop: float
    deviation: float


class ImportanceReport(Document):
    """Permutation importance (Breiman, Random Forests, 2001).

    Attributes:
        metric: that gets worse: `rmse` or `log_loss`.
        value: of the rows as they are.
        rows: that it was measured on, a sample of the split.
        repeats: shuffles of each column.
        columns: the most important first.
    """

    metric: str
    value: float
    rows: int
    repeats: int
    columns: tuple[Importance, ...]


class ExtremeRow(Document):
    """A row that the model is very wrong or very right about.

    Attributes:
        row_id: its hash.
        label: in its unit, or the name of the class.
        prediction: in its unit, or the name of the class.
        error: predicted minus actual; for classes the loss of the row, -log(probability of its own class).
        probability: of the class that it belongs to; None for a regression.
        values: of the source's columns, as they are; None is null. Empty where the source cannot be read again.
    """

    row_id: int
    label: float | str
    prediction: float | str
    error: float
    probability: float | None = None
    values: Mapping[str, str | None] = {}


class Extremes(Document):
    """The rows at both ends.

    Attributes:
        worst: the largest errors (|error|, or loss) first.
        best: the smallest ones first.
    """

    worst: tuple[ExtremeRow, ...] = ()
    best: tuple[ExtremeRow, ...] = ()


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
