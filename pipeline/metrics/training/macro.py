"""Means over classes that Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class MacroPrecision(keras.metrics.F1Score):  # type: ignore[misc]
    """The mean over classes of the share of rows rightly given to each."""

    def result(self) -> Any:
        """A scalar; a class that no row was given to counts as 0."""
        predicted = self.true_positives + self.false_positives
        return tf.reduce_mean(tf.math.divide_no_nan(self.true_positives.value, predicted))


class MacroRecall(keras.metrics.F1Score):  # type: ignore[misc]
    """The mean over classes of the share of each class's rows that were found."""

    def result(self) -> Any:
        """A scalar; a class without rows counts as 0."""
        actual = self.true_positives + self.false_negatives
        return tf.reduce_mean(tf.math.divide_no_nan(self.true_positives.value, actual))
