"""Metrics at each threshold, and the chosen one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from pipeline.evaluation.report.classification import ThresholdRow
from pipeline.report.plots.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    caption,
    new_figure,
    quiet_legend,
    shares,
    style_axes,
    without_data,
)
from pipeline.report.text import short_name
from pipeline.schemas.decision import DecisionRule

LINES = (
    ("Precision", "precision", BLUE, "-"),
    ("Recall", "recall", ORANGE, "-"),
    ("F1", "f1", INK, "-"),
    ("Accuracy", "accuracy", GREEN, "--"),
    ("Rows given to the class", "predicted", PURPLE, ":"),
)


def threshold_sweep(
    rows: Sequence[ThresholdRow], *, decision: DecisionRule, positive: str, title: str = "Threshold"
) -> Figure:
    """Metrics and shares over the threshold.

    Args:
        rows: metrics by threshold, ascending.
        decision: the decision rule whose threshold is marked.
        positive: name of class id 1.
        title: title of the figure.
    """
    figure = new_figure(6.0, 5.8, title)
    axes = figure.subplots()
    style_axes(axes, f"Rows given to {short_name(positive)} from this probability on", "Threshold", "")
    shares(axes, x=False)
    axes.set_xlim(-0.015, 1.015)
    if not any(row.accuracy is not None for row in rows):
        without_data(axes, "no rows")
        return figure
    thresholds = [row.threshold for row in rows]
    for name, key, colour, dashes in LINES:
        values = [math.nan if (value := getattr(row, key)) is None else value for row in rows]
        axes.plot(thresholds, values, color=colour, linestyle=dashes, linewidth=1.8, label=name)
    name = f"The threshold, {decision.threshold:.3g}"
    axes.axvline(decision.threshold, color=MUTED, linewidth=1.4, linestyle=(0, (4, 3)), label=name)
    quiet_legend(axes, loc="upper left", bbox_to_anchor=(-0.02, -0.13), ncols=3)
    caption(figure, _chosen_note(decision))
    return figure


def _chosen_note(decision: DecisionRule) -> str:
    if decision.goal:
        return f"Chosen on validation rows ({decision.goal})."
    return "As configured (evaluate.threshold); a goal would choose it on validation rows."
