"""Learning curves of the folds of a cross-validation, and their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pipeline.evaluation.folds import CrossvalReport, FoldScore
from pipeline.evaluation.metric_names import capital, metric_name
from pipeline.formatting import counted
from pipeline.report.plots.curves import TITLES, metric_names
from pipeline.report.plots.fold_panels import finite_values, panel_grid, set_ticks
from pipeline.report.plots.style import (
    BLUE,
    ORANGE,
    WIDE_RANGE,
    caption,
    compact_ticks,
    style_axes,
    without_data,
)

Floats = NDArray[np.float64]

CROWD = 20
"""Number of folds above which their lines are fainter."""


def fold_curves(report: CrossvalReport, *, title: str = "Learning curves of the folds") -> Figure:
    """One panel per metric of the validation rows: one line per fold, and their mean with one deviation on both sides.

    Mean and deviation of an epoch are over the folds that still trained in it, if these are at least two.

    Args:
        report: the cross-validation; values that are not finite leave gaps.
        title: title of the figure.
    """
    names = metric_names({key: () for score in report.scores for key in score.history if key.startswith("val_")})
    figure, grid = panel_grid(len(names), title, "no history of validation rows")
    for axes, name in zip(grid, names, strict=False):
        style_axes(axes, TITLES.get(name, capital(metric_name(name))), "Epoch", "")
        _curves(axes, report.scores, f"val_{name}")
    count = len(report.scores)
    caption(
        figure,
        f"Validation rows of {counted(count, 'fold')}: a thin line each, a dot where weights were kept."
        if names
        else "",
        "Orange: the mean of the folds that still trained at the epoch, and one deviation on both sides."
        if names and count > 1
        else "",
    )
    return figure


def _curves(axes: Axes, scores: Sequence[FoldScore], key: str) -> None:
    lines = [finite_values(score.history.get(key, ())) for score in scores]
    alpha = 0.5 if len(lines) <= CROWD else 0.2
    for score, line in zip(scores, lines, strict=True):
        axes.plot(np.arange(1, line.size + 1), line, color=BLUE, linewidth=0.9, alpha=alpha, zorder=2)
        if 1 <= score.best_epoch <= line.size:
            best = line[score.best_epoch - 1]
            axes.plot([score.best_epoch], [best], "o", color=BLUE, markersize=4, alpha=min(1.0, 2 * alpha), zorder=3)
    finite = np.concatenate([line[~np.isnan(line)] for line in lines])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(1.5, max(line.size for line in lines) + 0.5))
    if not finite.size:
        without_data(axes, "no finite value")
        return
    low, high = finite.min(), finite.max()
    is_wide = low > 0 and high / low > WIDE_RANGE
    _mean_line(axes, lines, floor=low / 2.0 if is_wide else min(low, 0.0))
    if is_wide:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        compact_ticks(axes, x=False)
    else:
        set_ticks(axes)


def _mean_line(axes: Axes, lines: Sequence[Floats], *, floor: float) -> None:
    """The mean over folds with one deviation, which reaches no lower than `floor`."""
    table = np.array(list(zip_longest(*lines, fillvalue=math.nan)), dtype=np.float64)
    table[(~np.isnan(table)).sum(axis=1) < 2] = np.nan
    enough = np.flatnonzero(~np.isnan(table).all(axis=1))
    if not enough.size:
        return
    # Epochs that too few folds reached, or with too few finite values, are gaps.
    mean, deviation = np.full((2, len(table)), np.nan)
    mean[enough], deviation[enough] = np.nanmean(table[enough], axis=1), np.nanstd(table[enough], axis=1, ddof=1)
    epochs, low = np.arange(1, len(table) + 1), np.maximum(mean - deviation, floor)
    axes.fill_between(epochs, low, mean + deviation, color=ORANGE, alpha=0.18, linewidth=0, zorder=1)
    axes.plot(epochs, mean, color=ORANGE, linewidth=2.0, zorder=4)
