"""Training and validation metrics, exact over all ranks: the metrics' states are summed, never their results.

Every metric here keeps its state as sums over rows, so a metric whose variables were summed over ranks is the
metric of all rows. Rows count by their weight, those of padding, of weight 0, nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.contract.label import LabelSpec, Task
from pipeline.train.world import World


class EpochMetrics:
    """The loss and the task's metrics over the rows of one pass; safe to update within `tf.function`."""

    def __init__(self, label: LabelSpec) -> None:
        """All states zero."""
        self._loss = keras.metrics.Mean(name="loss")
        self._metrics = _task_metrics(label)

    def update(self, label: Any, prediction: Any, *, row_loss: Any, weight: Any) -> None:
        """Add one batch: label [b], prediction [b] or [b, k], loss of each row [b], weight [b]."""
        columns = prediction if prediction.shape.rank > 1 else prediction[:, None]  # Keras averages over the last axis
        self._loss.update_state(row_loss, sample_weight=weight)
        for metric in self._metrics:
            metric.update_state(label[:, None], columns, sample_weight=weight)

    @property
    def variables(self) -> list[Any]:
        """The sums so far, over this rank's rows."""
        return [variable for metric in (self._loss, *self._metrics) for variable in metric.variables]

    @property
    def is_finite(self) -> bool:
        """Whether no loss so far was NaN or infinite."""
        return math.isfinite(float(self._loss.total.value))

    def finish(self, world: World) -> dict[str, float]:
        """The results over all ranks; the states are zero again afterwards."""
        metrics, variables = [self._loss, *self._metrics], self.variables
        for variable, total in zip(variables, _sums(variables, world), strict=True):
            variable.assign(total)
        results = {metric.name: float(metric.result()) for metric in metrics}
        for metric in metrics:
            metric.reset_state()
        return results


def _sums(variables: Sequence[Any], world: World) -> list[Any]:
    return world.sum([tf.convert_to_tensor(variable.value) for variable in variables], "metrics")


def _task_metrics(label: LabelSpec) -> list[keras.metrics.Metric]:
    match label.task:
        case Task.REGRESSION:
            return [keras.metrics.MeanAbsoluteError(name="mae"), keras.metrics.RootMeanSquaredError(name="rmse")]
        case Task.BINARY:
            return [keras.metrics.BinaryAccuracy(name="accuracy")]
        case Task.MULTICLASS:
            return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
