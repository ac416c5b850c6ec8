"""Training and validation metrics, exact over all ranks: the metrics' states are summed, never their results.

If a metric's state is a sum over rows, then summing its variables over the ranks gives the metric of all rows. Whether
it is such a sum is tested on a few rows before it is used. Rows count by their weight; padding has weight 0. Sums are
float64: in float32, a mean over 17 million rows stops changing, and R2 loses its digits where labels are far from zero.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.errors import ConfigError, nearest
from pipeline.metrics import METRICS, Metric, trained_metrics
from pipeline.schemas.label import LabelSpec
from pipeline.training.vectors import array_of
from pipeline.training.world import World

EXACT = "float64"


class EpochMetrics:
    """The loss and further metrics over the rows of one pass; safe to update within `tf.function`."""

    def __init__(self, label: LabelSpec, names: Sequence[str] = (), optimizer: Any = None) -> None:
        """All states start at zero.

        Args:
            label: the fitted label.
            names: see `train.metrics`; none means those of the label's task.
            optimizer: its learning rate and gradient norms are reported too; None for a pass without gradients.

        Raises:
            ConfigError: a metric is unknown, does not fit the label, or is not a sum over rows.
        """
        self._label, self._optimizer = label, optimizer
        self._loss = keras.metrics.Mean(name="loss", dtype=EXACT)
        self._names = [*dict.fromkeys(names or label.target.training_metrics)]
        self._metrics = [build_metric(name, label) for name in self._names]

    @property
    def variables(self) -> list[Any]:
        """The states, which are sums over this rank's rows."""
        return [variable for metric in (self._loss, *self._metrics) for variable in metric.variables]

    @property
    def is_finite(self) -> bool:
        """Whether this rank's losses so far are finite."""
        return bool(np.isfinite(self._loss.total.numpy()))

    def update(self, label: Any, prediction: Any, *, row_loss: Any, weight: Any) -> None:
        """Add one batch: label [b], prediction [b] or [b, k], loss of each row [b], weight [b]."""
        self._loss.update_state(row_loss, sample_weight=weight)
        for name, metric in zip(self._names, self._metrics, strict=True):
            try:
                _update(metric, self._label, label, prediction, weight)
            except Exception as error:  # whatever the user's code raises while it is traced
                raise ConfigError(_failure(name, self._label, error)) from error

    def finish(self, world: World) -> dict[str, float]:
        """The results over all ranks; the states are zero again afterwards."""
        totals = world.sum([tf.convert_to_tensor(variable.value) for variable in self.variables], "metrics")
        for variable, total in zip(self.variables, totals, strict=True):
            variable.assign(total)
        results = {metric.name: float(metric.result()) for metric in (self._loss, *self._metrics)}
        for metric in (self._loss, *self._metrics):
            metric.reset_state()
        if self._optimizer is not None:
            results |= {"learning_rate": float(self._optimizer.learning_rate), **self._optimizer.norms.finish()}
        return results


def build_metric(name: str, label: LabelSpec) -> keras.metrics.Metric:
    """A metric of `train.metrics`: an entry of `pipeline/metrics`, a class of `keras.metrics`, or
    `package.module:name` of either.

    Raises:
        ConfigError: it is unknown, does not fit the label, or is not a sum over rows.
    """
    allowed = trained_metrics(classes=bool(label.classes))
    try:
        with _exact_by_default():
            metric = _built(METRICS.entries[name], label) if name in allowed else _foreign(name, label)
            adds_up = _adds_up(metric, label)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(_failure(name, label, error)) from error
    if not adds_up:
        raise ConfigError(
            f"train.metrics: '{name}' is not a sum over rows, so the ranks cannot add up their states. "
            f"Allowed: {', '.join(allowed)}, and others whose variables start at zero and add up over rows. Remove it."
        )
    return metric


def _failure(name: str, label: LabelSpec, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__
    allowed = ", ".join(trained_metrics(classes=bool(label.classes)))
    return (
        f"train.metrics: '{name}' cannot be computed for the {label.task} label '{label.name}': {reason}. "
        f"Allowed: {allowed}, or a metric that takes what pipeline.metrics.Metric describes. Correct or remove it."
    )


@contextmanager
def _exact_by_default() -> Iterator[None]:
    """Several Keras metrics apply their dtype to their inputs but not to their sums, which take the default."""
    before = keras.config.floatx()
    keras.config.set_floatx(EXACT)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def _built(metric: Metric, label: LabelSpec) -> keras.metrics.Metric:
    """The Keras metric of an entry that training can measure for such labels."""
    if label.classes:
        assert metric.of_classes is not None
        return metric.of_classes(label.outputs)
    assert metric.of_numbers is not None
    return metric.of_numbers()


def _foreign(name: str, label: LabelSpec) -> keras.metrics.Metric:
    module, _, class_name = name.rpartition(":")
    try:
        metric_class = getattr(importlib.import_module(module or "keras.metrics"), class_name, None)
        if isinstance(metric_class, Metric) and metric_class.is_trained_on(classes=bool(label.classes)):
            return _built(metric_class, label)
        if isinstance(metric_class, type) and issubclass(metric_class, keras.metrics.Metric):
            return metric_class(name=class_name.lower(), dtype=EXACT)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigError(
            f"train.metrics: '{name}' cannot be created: {error}. Allowed are classes that need a name and a dtype "
            "only. Derive one that sets the rest, and write package.module:Class."
        ) from error
    allowed = trained_metrics(classes=bool(label.classes))
    raise ConfigError(
        f"train.metrics: '{name}' is not a metric of a {label.task} label. Allowed: {', '.join(allowed)}, a class of "
        f"keras.metrics, or package.module:Class. {nearest(name, allowed)}"
    )


def _update(metric: keras.metrics.Metric, spec: LabelSpec, label: Any, prediction: Any, weight: Any) -> None:
    """Update a metric. Keras averages over the last axis, and expects several classes in a column each."""
    if "TopK" in type(metric).__name__:
        prediction = tf.cast(prediction, tf.float32)  # the only type that `tf.math.in_top_k` takes
    if spec.outputs == 1:
        metric.update_state(label[:, None], prediction[:, None], sample_weight=weight)
    elif type(metric).__name__.startswith("Sparse"):
        metric.update_state(label[:, None], prediction, sample_weight=weight)
    else:
        one_hot = tf.one_hot(tf.cast(label, tf.int32), spec.outputs, dtype=prediction.dtype)
        metric.update_state(one_hot, prediction, sample_weight=weight)


def _adds_up(metric: keras.metrics.Metric, label: LabelSpec) -> bool:
    """Whether the states of two batches add up to that of both. Builds the metric's variables, and resets them."""
    first, second = (_trial(label, seed) for seed in (1, 2))
    states = []
    for batches in ((first,), (second,), (first, second)):
        metric.reset_state()
        for batch in batches:
            _update(metric, label, *batch)
        states.append([array_of(variable).astype(np.float64) for variable in metric.variables])
    metric.reset_state()
    zero = all(not np.any(array_of(variable)) for variable in metric.variables)
    return zero and all(np.allclose(one + other, both) for one, other, both in zip(*states, strict=True))


def _trial(label: LabelSpec, seed: int) -> tuple[Any, Any, Any]:
    """A few rows: labels, predictions, weights, of the types that training has."""
    random, rows, classes = np.random.default_rng(seed), 16, max(label.outputs, 2)
    labels: Any
    predictions: Any
    if not label.classes:
        labels, predictions = random.uniform(1, 2, rows), random.uniform(1, 2, rows)
    else:
        labels, scores = np.arange(rows) * 1.0 % classes, random.uniform(0, 1, (rows, classes))
        predictions = scores / scores.sum(1, keepdims=True)
        predictions = predictions if label.outputs > 1 else predictions[:, 1]
    kind = label.target.prediction(label)(tf.zeros((1, label.outputs))).dtype
    weights = tf.constant(random.uniform(0.5, 2, rows), tf.float32)
    return tf.constant(labels, tf.float32), tf.constant(predictions, kind), weights
