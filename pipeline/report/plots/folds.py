"""Folds of a cross-validation: their metrics, and how two models differ fold by fold."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.comparison import Comparison, PairedMetric
from pipeline.evaluation.folds import CrossvalReport
from pipeline.evaluation.metric_names import capital, is_lower_better, metric_name
from pipeline.formatting import format_number, format_p_value
from pipeline.report.plots.fold_panels import (
    Panel,
    draw_panel,
    finite_values,
    panel_grid,
    panel_notes,
    write_beside_title,
)
from pipeline.report.plots.style import (
    INK,
    MUTED,
    caption,
    plain,
    style_axes,
)
from pipeline.report.text import short_name


def fold_metrics(report: CrossvalReport, *, title: str = "Folds") -> Figure:
    """One panel per headline metric: one dot per fold, the mean, and its interval.

    Args:
        report: the cross-validation.
        title: title of the figure.
    """
    names = report.headlines
    figure, grid = panel_grid(len(names), title, "no metrics")
    folds = np.array([score.fold for score in report.scores], dtype=np.int64)
    panels = [
        Panel(
            folds,
            finite_values([score.value(name) for score in report.scores]),
            report.mean.get(name),
            report.intervals.get(name),
        )
        for name in names
    ]
    for axes, name, panel in zip(grid, names, panels, strict=False):
        style_axes(axes, capital(metric_name(name)), "Fold", "")
        draw_panel(axes, panel, report.folds, report.repeats)
        if panel.mean is not None:
            write_beside_title(axes, format_number(panel.mean))
    caption(figure, "A dot a fold. Dashed: the mean.", *panel_notes(panels, report.repeats))
    return figure


def paired_differences(comparison: Comparison, *, title: str = "Differences by fold") -> Figure:
    """One panel per headline metric: how much two models differ in each fold, and on average.

    Args:
        comparison: the comparison of the two.
        title: title of the figure.
    """
    names = comparison.headlines
    figure, grid = panel_grid(len(names), title, "no metrics")
    first, second = (short_name(name, 16) for name in comparison.names)
    folds = np.array(comparison.pairs, dtype=np.int64)
    metrics = [comparison.metrics[name] for name in names]
    panels = [
        Panel(folds, finite_values(metric.differences), metric.mean, metric.interval, zero=True) for metric in metrics
    ]
    for axes, metric, panel in zip(grid, metrics, panels, strict=False):
        style_axes(axes, capital(metric_name(metric.metric)), "Fold", f"{first} \N{MINUS SIGN} {second}")
        axes.axhline(0.0, color=INK, linewidth=1.0, zorder=2)
        draw_panel(axes, panel, comparison.folds, comparison.repeats)
        _name_sides(axes, metric, (first, second))
    notes = panel_notes(panels, comparison.repeats)
    caption(figure, comparison.sentence, "A dot a fold. Dashed: the mean of the differences.", *notes)
    return figure


def _name_sides(axes: Axes, metric: PairedMetric, names: tuple[str, str]) -> None:
    """Write which model is better above and below zero, in the margins without dots, and the result of the test."""
    above, below = names[::-1] if is_lower_better(metric.metric) else names
    for height, words, side in ((0.99, f"{above} better ↑", "top"), (0.01, f"{below} better ↓", "bottom")):
        text = axes.text(0.99, height, words, transform=axes.transAxes, fontsize=8, color=MUTED)
        plain(text).set(ha="right", va=side)
    if metric.mean is not None:
        chance = "" if metric.p_value is None else f", {format_p_value(metric.p_value)}"
        write_beside_title(axes, f"{format_number(metric.mean)}{chance}")
