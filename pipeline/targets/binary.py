"""Two classes: z [b, 1] is the logit of class id 1, and the prediction is its probability, float64 [b]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import Floats
from pipeline.targets.classification import Classification


class Binary(Classification):
    """Two classes, of which class id 1 is the positive one."""

    name = "binary"
    heading = "Two classes of"
    classes = range(2, 3)
    has_positive = True
    calibrations = ("none", "platt", "isotonic", "temperature")
    headlines = ("log_loss", "auc", "accuracy", "f1", "average_precision")
    second = "auc"
    slice_metrics = ("log_loss", "auc", "accuracy", "f1", "precision", "recall")

    def outputs(self, label: LabelSpec) -> int:
        """One logit."""
        return 1

    def prediction(self, label: LabelSpec) -> Callable[[Any], Any]:
        """Probabilities of class id 1, [b]."""
        import tensorflow as tf

        return lambda z: tf.sigmoid(tf.cast(z, tf.float64))[:, 0]

    def linear_prediction(self, scores: Floats) -> Floats:
        """Probabilities of class id 1, [n]."""
        from scipy.special import expit

        return np.asarray(expit(scores[:, 0]))


BINARY = Binary()
