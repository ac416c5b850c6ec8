"""What an evaluation found, as one document."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from pipeline.contract.document import Document
from pipeline.contract.label import LabelSpec, Task
from pipeline.evaluate.metrics import classification_metrics, confusion_counts, regression_metrics

Metrics = dict[str, float | None]
"""Metric values by name; None where a metric is not defined for these rows."""


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


class EvalReport(Document):
    """One model on one set of rows.

    Attributes:
        task: regression, binary or multiclass.
        rows: how many rows were scored.
        metrics: of the model.
        baseline: the same metrics of the linear model on the same rows; empty where none was fitted.
        confusion: of a classification.
    """

    task: Task
    rows: int
    metrics: Metrics
    baseline: Metrics = Field(default_factory=dict)
    confusion: ConfusionMatrix | None = None

    def to_markdown(self) -> str:
        """The metrics as a table, the linear model beside the network where there is one."""
        head = ["metric", "network", *(["linear model"] if self.baseline else [])]
        rows = [[name, _shown(value)] for name, value in self.metrics.items()]
        if self.baseline:
            rows = [[*row, _shown(self.baseline.get(row[0]))] for row in rows]
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{self.rows:,} row{'' if self.rows == 1 else 's'}\n\n{table}\n"


def measure(spec: LabelSpec, label: ArrayLike, prediction: ArrayLike) -> Metrics:
    """The metrics that fit the label; see `regression_metrics` and `classification_metrics`."""
    if spec.task is Task.REGRESSION:
        return regression_metrics(label, prediction)
    return classification_metrics(label, prediction, len(spec.classes))


def report_on(
    spec: LabelSpec, label: ArrayLike, prediction: ArrayLike, *, baseline: ArrayLike | None = None
) -> EvalReport:
    """Score predictions.

    Args:
        spec: the label.
        label: [n], in the label's own unit, or class ids.
        prediction: regression [n] or [n, 1] in the label's unit; binary [n] or [n, 1], the probability of
            class 1; multiclass [n, k] probabilities.
        baseline: predictions of a simple model for the same rows, in the same shape.

    Raises:
        TrainError: a prediction is not a finite number.
    """
    return EvalReport(
        task=spec.task,
        rows=int(np.shape(label)[0]),
        metrics=measure(spec, label, prediction),
        baseline={} if baseline is None else measure(spec, label, baseline),
        confusion=_confusion(spec, label, prediction),
    )


def _confusion(spec: LabelSpec, label: ArrayLike, prediction: ArrayLike) -> ConfusionMatrix | None:
    if spec.task is Task.REGRESSION:
        return None
    counts = confusion_counts(label, prediction, len(spec.classes))
    return ConfusionMatrix(classes=spec.classes, counts=tuple(tuple(row) for row in counts.tolist()))


def _shown(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
