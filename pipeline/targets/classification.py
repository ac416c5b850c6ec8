"""What labels of two classes and of several have in common.

Probabilities are float64: in float32 all logits from 17 on give a probability of exactly 1, which no calibration can
tell apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pipeline.losses import RowLoss
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import Floats, Ints, Target

LOGISTIC_ITERATIONS = 200


class Classification(Target):
    """A label with classes: predictions are probabilities."""

    loss = "cross_entropy"
    training_metrics = ("accuracy",)
    sections = ("classes", "probabilities")
    constant = "majority"

    def prediction_columns(self, label: LabelSpec) -> tuple[str, ...]:
        """The class, and the probability of each class."""
        return ("label", *(f"probability_{name}" for name in label.classes))

    def row_loss(self, label: LabelSpec, loss: RowLoss) -> RowLoss:
        """The loss of class ids, as they are."""
        return loss

    def serving_outputs(self, z: Any, label: LabelSpec, decision: DecisionRule, *, prefix: str) -> dict[str, Any]:
        """`label`, string [b, 1], and `probabilities`, float32 [b, k], calibrated."""
        from pipeline.model.prediction_layer import PredictionLayer

        calibration = decision.calibration.model_dump(mode="json")
        outputs: dict[str, Any] = PredictionLayer(
            label.classes, calibration, decision.threshold, name=f"{prefix}decide"
        )(z)
        return outputs

    def accumulate(self, spec: Any, row_id: Ints, label: Floats, prediction: ArrayLike, group: Ints) -> Any:
        """Counts of classes, and sketches of their scores."""
        from pipeline.evaluation.accumulator import probability_table
        from pipeline.evaluation.class_accumulator import accumulate_classes

        table = probability_table(prediction, len(spec.label.classes))
        return accumulate_classes(row_id, label, table, group, groups=spec.groups, decision=spec.decision)

    def linear_model(self) -> Any:
        """Logistic regression."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=LOGISTIC_ITERATIONS)

    def constant_loss(self, label: LabelSpec, loss: str) -> float | None:
        """For cross-entropy, the entropy of the classes."""
        counts = np.array([count for count in label.counts if count], dtype=np.float64)
        if loss != self.loss or not counts.size:
            return None
        shares = counts / counts.sum()
        return float(-(shares * np.log(shares)).sum())
