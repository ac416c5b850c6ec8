"""Plots as matplotlib figures, made without pyplot and its global state, so that threads may draw side by side."""

from pipeline.evaluate.plots.confusion import confusion_matrix
from pipeline.evaluate.plots.curves import learning_curves
from pipeline.evaluate.plots.residuals import residuals

__all__ = ["confusion_matrix", "learning_curves", "residuals"]
