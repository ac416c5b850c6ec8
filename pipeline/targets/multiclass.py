"""Several classes: z [b, k] are their logits, and predictions are probabilities, float64 [b, k]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import Floats
from pipeline.targets.classification import Classification


class Multiclass(Classification):
    """One of several classes."""

    name = "multiclass"
    heading = "{classes:,} classes of"
    classes = range(2, 1 << 31)
    calibrations = ("none", "temperature")
    headlines = ("log_loss", "accuracy", "balanced_accuracy", "f1_macro", "auc")
    second = "accuracy"
    slice_metrics = ("log_loss", "accuracy", "balanced_accuracy", "f1_macro")

    def outputs(self, label: LabelSpec) -> int:
        """One logit for each class."""
        return len(label.classes)

    def prediction(self, label: LabelSpec) -> Callable[[Any], Any]:
        """Probabilities of all classes, [b, k]."""
        import tensorflow as tf

        return lambda z: tf.nn.softmax(tf.cast(z, tf.float64))

    def linear_prediction(self, scores: Floats) -> Floats:
        """Probabilities of all classes, [n, k]."""
        from scipy.special import softmax

        return np.asarray(softmax(scores, axis=1))


MULTICLASS = Multiclass()
