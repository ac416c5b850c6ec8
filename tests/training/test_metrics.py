"""Which metrics may be used, and that those which cannot be summed over ranks are refused."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.schemas.label import LabelSpec

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

from pipeline.metrics import trained_metrics  # noqa: E402
from pipeline.runtime.failures import failures_recorded, first_cause  # noqa: E402
from pipeline.store.filesystem import storage_path  # noqa: E402
from pipeline.training.metrics import EpochMetrics, build_metric  # noqa: E402
from pipeline.training.world import SingleWorld  # noqa: E402

NUMBERS = LabelSpec(name="y", task="regression")
TWO = LabelSpec(name="y", task="binary", classes=("no", "yes"))
THREE = LabelSpec(name="y", task="multiclass", classes=("a", "b", "c"))


class Largest(keras.metrics.Metric):
    """No sum over rows."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.largest = self.add_variable((), "zeros", name="largest")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(tf.maximum(self.largest.value, tf.cast(tf.reduce_max(y_pred), self.largest.dtype)))

    def result(self):
        return self.largest.value


class FromOne(keras.metrics.Mean):
    """A sum that does not begin at zero: ranks would each add the beginning."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.offset = self.add_variable((), "ones", name="offset")

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_pred, sample_weight=sample_weight)

    def reset_state(self):
        super().reset_state()
        self.offset.assign(1.0)


@pytest.mark.parametrize("label", [NUMBERS, TWO, THREE], ids=str)
def test_all_known_metrics_are_sums_in_float64_that_start_at_zero(label):
    for name in trained_metrics(classes=bool(label.classes)):
        metric = build_metric(name, label)
        assert metric.name == name
        assert {variable.dtype for variable in metric.variables} == {"float64"}
        assert not any(np.any(variable.numpy()) for variable in metric.variables)
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("CosineSimilarity", NUMBERS),
        ("MeanSquaredLogarithmicError", NUMBERS),
        ("BinaryCrossentropy", TWO),
        ("TruePositives", TWO),
        ("CategoricalCrossentropy", THREE),
        ("SparseTopKCategoricalAccuracy", THREE),
        ("KLDivergence", THREE),
    ],
)
def test_other_sums_of_keras_are_allowed_by_the_name_of_their_class(name, label):
    assert type(build_metric(name, label)) is getattr(keras.metrics, name)


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [
        (
            "rsme",
            NUMBERS,
            r"'rsme' is not a metric of a regression label. Allowed: mae, rmse, .* Did you mean 'rmse'\?",
        ),
        ("auc", NUMBERS, "'auc' is not a metric of a regression label. Allowed: mae, rmse, mse, r2"),
        ("MeanIoU", THREE, "'MeanIoU' cannot be created: .* Allowed are classes that need a name and a dtype only"),
        ("no.such.module:Metric", TWO, "'no.such.module:Metric' cannot be created: No module named 'no'"),
        ("R2Score", THREE, None),
        (
            f"{__name__}:Largest",
            NUMBERS,
            "Largest' is not a sum over rows, so the ranks cannot add .* Allowed: mae, rmse",
        ),
        (f"{__name__}:FromOne", NUMBERS, "FromOne' is not a sum over rows"),
    ],
)
def test_what_cannot_be_used_is_named(name, label, message):
    if message is None:
        build_metric(name, label)
        return
    with pytest.raises(ConfigError, match=message):
        build_metric(name, label)


class OfOneType(keras.metrics.Mean):
    """Computes with labels and predictions without casting either, and fails on batches of more than 16 rows."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if y_true.shape[0] is None:
            raise KeyError("no such thing\nand more")
        return super().update_state(y_true - y_pred, sample_weight)


def test_an_error_of_a_metric_is_one_line_that_names_it(tmp_path):
    """When it is tried, with the types that training has; and where it is traced with all else."""
    name = f"{__name__}:OfOneType"
    with pytest.raises(
        ConfigError, match=rf"^train\.metrics: '{name}' cannot be computed for the binary .*$"
    ) as caught:
        build_metric(name, TWO)
    assert "\n" not in str(caught.value)
    metrics = EpochMetrics(NUMBERS, [name])
    column = tf.TensorSpec([None], tf.float32)

    @tf.function(input_signature=[column] * 2)
    def step(label, prediction):
        metrics.update(label, prediction, row_loss=label, weight=label)

    expected = f"train.metrics: '{name}' cannot be computed for the regression label 'y': KeyError: 'no such thing"
    with pytest.raises(ConfigError) as caught, failures_recorded(storage_path(str(tmp_path)), 0):
        step.get_concrete_function()
    cause = first_cause(storage_path(str(tmp_path)), caught.value, 2)
    assert type(cause) is ConfigError
    assert str(cause).startswith(expected)
    assert "\n" not in str(cause)


def test_predictions_that_are_not_numbers_do_not_break_counting():
    """A loss that is not finite is noticed a few steps later, with a better message than TensorFlow's."""
    metrics = EpochMetrics(TWO, trained_metrics(classes=True))
    bad = tf.constant([np.nan, 0.5])
    metrics.update(tf.constant([0.0, 1.0]), bad, row_loss=bad, weight=tf.ones(2))
    assert not metrics.is_finite
    assert np.isnan(metrics.finish(SingleWorld())["loss"])


def test_sums_do_not_stand_still_at_the_end_of_float32():
    metric = build_metric("accuracy", TWO)
    metric.total.assign(2.0**24)
    metric.count.assign(2.0**24)
    metric.update_state([[1.0]], [[0.0]])
    assert metric.result() < 1.0
