"""Regression: z [b, 1] is `(g(y) - center) / scale`, and the prediction is in the label's own unit, [b]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pipeline.losses import RowLoss
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import Floats, Ints, Target

RIDGE_PENALTY = 1.0
"""It makes one-hot columns, which add up to the intercept, solvable, and is otherwise too small to matter."""


class Regression(Target):
    """A label that is a number."""

    name = "regression"
    heading = "Regression of"
    loss = "mse"
    training_metrics = ("mae", "rmse")
    headlines = ("rmse", "mae", "median_absolute_error", "r2", "mape")
    second = "mae"
    slice_metrics = ("rmse", "mae", "median_absolute_error", "r2")
    sections = ("errors",)
    constant = "mean"

    def outputs(self, label: LabelSpec) -> int:
        """One number."""
        return 1

    def prediction_columns(self, label: LabelSpec) -> tuple[str, ...]:
        """The number only."""
        return ("prediction",)

    def row_loss(self, label: LabelSpec, loss: RowLoss) -> RowLoss:
        """The loss of labels in their own unit, which are scaled first."""
        return lambda y, z: loss(scaled(label, y), z)

    def prediction(self, label: LabelSpec) -> Callable[[Any], Any]:
        """Predictions in the label's own unit, [b]."""
        from pipeline.model.label_unit import label_unit

        unit = label_unit(label)
        return lambda z: unit(z)[:, 0]

    def serving_outputs(self, z: Any, label: LabelSpec, decision: DecisionRule, *, prefix: str) -> dict[str, Any]:
        """`prediction`, float32 [b, 1]."""
        from pipeline.model.label_unit import label_unit

        return {"prediction": label_unit(label, name=f"{prefix}label_unit")(z)}

    def accumulate(self, spec: Any, row_id: Ints, label: Floats, prediction: ArrayLike, group: Ints) -> Any:
        """Sums of errors and their sketches."""
        from pipeline.evaluation.accumulator import finite
        from pipeline.evaluation.regression_accumulator import accumulate_regression

        predicted = finite(prediction).reshape(-1)
        return accumulate_regression(row_id, label, predicted, group, groups=spec.groups, window=spec.window)

    def linear_model(self) -> Any:
        """Ridge regression."""
        from sklearn.linear_model import Ridge

        return Ridge(alpha=RIDGE_PENALTY, solver="sparse_cg", tol=1e-6)

    def linear_prediction(self, scores: Floats) -> Floats:
        """Predictions in the label's own unit, [n]."""
        return np.asarray(scores[:, 0])

    def constant_loss(self, label: LabelSpec, loss: str) -> float | None:
        """1 for squared errors, since a scaled label has a variance of 1."""
        return 1.0 if loss == "mse" and label.transform != "none" else None


def scaled(label: LabelSpec, y: Any) -> Any:
    """The scaled labels, float32 [b], computed in float64: a power transform brings large labels close together."""
    import tensorflow as tf

    from pipeline.kinds.scaled.power import yeo_johnson

    value = tf.cast(y, tf.float64)
    # Not `match`, which TensorFlow's AutoGraph cannot read and warns of.
    if label.transform == "log":
        value = tf.math.log1p(value)
    elif label.transform == "power":
        value = yeo_johnson(value, label.power)
    return tf.cast((value - label.center) / label.scale, tf.float32)


REGRESSION = Regression()
