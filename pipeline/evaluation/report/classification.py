"""The documents of a classification: confusion, curves, calibration and thresholds."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from pipeline.schemas.document import Document

CURVE_POINTS = 200
"""The largest number of points of a curve."""


THRESHOLDS = 101
"""Number of thresholds in a sweep: 0, 0.01, ..., 1."""


CONFUSION_CLASSES = 200
"""Number of classes up to which a report has the confusion matrix."""


class ConfusionMatrix(Document):
    """How often each class was predicted as which.

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
        name: name of the class.
        rows: number of rows that belong to it.
        predicted: number of rows that were predicted as it.
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
        x: ascending numbers.
        y: as many numbers.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]


class ClassCurves(Document):
    """How well a probability ranks rows, over all thresholds.

    Attributes:
        name: name of the class; `micro` (all pairs of row and class together) or `macro` (the mean over classes) for
            several classes. A binary label has its class id 1 alone.
        auc: area under the whole ROC curve, not only the points here.
        average_precision: area under the precision-recall curve.
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
        low: the lower bound, included.
        high: the upper bound, included in the last bin only.
        rows: number of rows in the bin, more than 0.
        predicted: their mean probability.
        observed: share of them for which the prediction came true.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float


class CalibrationReport(Document):
    """How predicted probabilities compare with observed shares.

    Attributes:
        of: name of the class whose probability it is, class id 1 of a binary label; empty for several classes, for the
            predicted class.
        bins: bins of equal width, without empty ones.
        error: the expected calibration error: the mean of |predicted - observed|, weighted by rows.
        worst: the largest |predicted - observed|.
    """

    of: str = ""
    bins: tuple[CalibrationBin, ...] = ()
    error: float | None = None
    worst: float | None = None


class ThresholdRow(Document):
    """Metrics of a binary label if rows from this probability on are predicted as class id 1.

    Attributes:
        threshold: the probability.
        true_positives: number of rows of class id 1 at or above it.
        false_positives: number of rows of class id 0 at or above it.
        precision: see `ClassMetrics`; so are the next four.
        recall: of class id 1.
        specificity: of class id 1.
        false_positive_rate: of class id 1.
        f1: of class id 1.
        accuracy: share of all rows that are right.
        predicted: share of all rows that are predicted as class id 1.
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
