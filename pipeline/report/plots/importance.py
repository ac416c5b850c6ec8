"""The importance of columns: how much worse the model is if a column's values are shuffled."""

from __future__ import annotations

from matplotlib.figure import Figure

from pipeline.evaluation.report.importance import ImportanceReport
from pipeline.formatting import compact, counted
from pipeline.report.plots.style import BLUE, INK, caption, compact_ticks, new_figure, plain, style_axes, without_data
from pipeline.report.text import short_name

MOST = 30
"""The largest number of columns that are drawn."""


def importance_bars(report: ImportanceReport, *, name: str, title: str = "Importance of columns") -> Figure:
    """One bar per column, with the deviation of its repeats.

    Args:
        report: the columns, the most important first.
        name: name of the metric, for people.
        title: title of the figure.
    """
    shown = report.columns[:MOST]
    figure = new_figure(8.2, 1.7 + 0.3 * max(len(shown), 2), title)
    axes = figure.subplots()
    style_axes(axes, "", f"{name} gets worse by", "")
    if not shown:
        without_data(axes, "no columns")
        return figure
    positions = list(range(len(shown)))
    axes.barh(
        positions, [column.drop for column in shown], xerr=[column.deviation for column in shown], height=0.64,
        color=BLUE, alpha=0.85, error_kw={"ecolor": INK, "elinewidth": 1.2, "capsize": 2.5},
    )  # fmt: skip
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(positions, [short_name(column.column, 28) for column in shown], fontsize=9)
    for label in axes.get_yticklabels():
        plain(label).set_color(INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(False, axis="y")
    compact_ticks(axes, y=False)
    caption(
        figure,
        f"Each column shuffled {counted(report.repeats, 'time')} among {counted(report.rows, 'row')}; as they are, "
        f"{name} is {compact(report.value)}.",
        _hidden_note(len(report.columns) - len(shown)),
        "Columns that carry the same information mask each other.",
    )
    return figure


def _hidden_note(hidden: int) -> str:
    return f"{counted(hidden, 'column')} of less weight not shown." if hidden > 0 else ""
