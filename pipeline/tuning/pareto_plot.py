"""The trade-off between goals: the trials by two goals at a time, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.config.search import Goal
from pipeline.formatting import counted
from pipeline.report.plots.style import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    caption,
    compact_ticks,
    new_figure,
    plain,
    quiet_legend,
    style_axes,
)
from pipeline.tuning.plot_axes import axis_positions
from pipeline.tuning.record import TrialRecord, finished
from pipeline.tuning.table import trial_counts

MOST_NUMBERED = 12
"""The most trials on the front that are labelled with their numbers."""


def pareto_plot(
    records: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    best: TrialRecord,
    *,
    goals: Sequence[Goal],
    title: str,
) -> Figure:
    """A dot per trial, a panel for each further goal; the front is blue, the best trial is ringed.

    Args:
        records: all trials.
        front: from `pareto_front`; one trial or more.
        best: from `choose_best`.
        goals: two or more.
        title: the figure's title.
    """
    further = goals[1:]
    figure = new_figure(max(7.0, 5.4 * len(further)), 4.8, title)
    panels = figure.subplots(1, len(further), squeeze=False)[0]
    for axes, goal in zip(panels, further, strict=True):
        style_axes(axes, "", _named(goal), _named(goals[0]))
        _draw(axes, finished(records), front, best, goal.name, steps=len(goals) == 2)
    unbeaten = f"{counted(len(front), 'trial')} on the Pareto front: no other trial is as good by every goal."
    caption(figure, unbeaten, trial_counts(records))
    return figure


def _draw(
    axes: Axes, ended: Sequence[TrialRecord], front: Sequence[TrialRecord], best: TrialRecord, goal: str, *, steps: bool
) -> None:
    """Draw one panel; with two goals in all, the front is also a line."""
    axis_positions(axes, [record.further[goal] for record in ended])
    compact_ticks(axes, x=False)
    on = {record.number for record in front}
    behind = [record for record in ended if record.number not in on]
    axes.plot([r.further[goal] for r in behind], [r.reached for r in behind], "o", color=GREY, markersize=4, alpha=0.8)
    x, y = [record.further[goal] for record in front], [record.reached for record in front]
    if steps:
        # A step keeps the better trial's value until the next one: no trial reaches the points between.
        axes.step(x, y, where="pre", color=BLUE, linewidth=1.2, alpha=0.6, zorder=2)
    axes.plot(x, y, "o", color=BLUE, markersize=6, label="on the Pareto front", zorder=3)
    axes.plot([best.further[goal]], [best.reached], "o", markersize=12, markerfacecolor="none", markeredgecolor=ORANGE,
              markeredgewidth=2.0, label=f"trial {best.number}, the best", zorder=4)  # fmt: skip
    for record in front if len(front) <= MOST_NUMBERED else ():
        plain(axes.annotate(str(record.number), (record.further[goal], record.reached), xytext=(5, 5),
                            textcoords="offset points", fontsize=8, color=MUTED))  # fmt: skip
    quiet_legend(axes, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2, labelcolor=INK)


def _named(goal: Goal) -> str:
    return f"{goal.name} ({'more' if goal.maximizes else 'less'} is better)"
