"""A metric on parts of the rows, compared with that of all rows."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.report.slices import SliceReport
from pipeline.formatting import compact
from pipeline.report.plots.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    caption,
    compact_ticks,
    new_figure,
    plain,
    style_axes,
    without_data,
)
from pipeline.report.text import short_name


def slice_plot(
    report: SliceReport,
    *,
    metric: str,
    name: str,
    whole: float | None,
    interval: tuple[float, float] | None = None,
    title: str = "Slices",
) -> Figure:
    """One dot per value, and its number of rows.

    Args:
        report: the slices of one column or expression.
        metric: the metric to draw.
        name: name of the metric, for people.
        whole: the metric of all rows; None if it is undefined.
        interval: interval of the metric of all rows, shaded.
        title: title of the figure.
    """
    size = max(len(report.values), 1)
    figure = new_figure(8.8, 1.6 + 0.34 * max(size, 2), title)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    style_axes(left, f"By {short_name(report.by, 40)}", name, "")
    style_axes(right, "", "Rows", "")
    if not report.values:
        without_data(left, "no rows")
        without_data(right, "no rows")
        return figure
    positions = list(range(size))
    if interval is not None:
        left.axvspan(*interval, color=FAINT, alpha=0.6, linewidth=0)
    if whole is not None:
        left.axvline(whole, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)))
    points = [(position, value.metrics.get(metric)) for position, value in zip(positions, report.values, strict=True)]
    for position, value in points:
        if value is None:
            words = left.text(0.02, position, "undefined", fontsize=8, color=MUTED, va="center")
            plain(words).set_transform(left.get_yaxis_transform())
            continue
        if whole is not None:
            left.plot([whole, value], [position, position], color=BLUE, linewidth=2.0, alpha=0.4, zorder=2)
        left.plot([value], [position], marker="o", markersize=6, color=BLUE, zorder=3)
    right.barh(positions, [value.rows for value in report.values], color=BLUE, alpha=0.85, height=0.62)
    left.set_yticks(positions, [short_name(value.value, 26) for value in report.values], fontsize=9)
    for label in left.get_yticklabels():
        plain(label).set_color(INK)
    left.set_ylim(size - 0.4, -0.6)
    right.tick_params(labelleft=False, length=0)
    compact_ticks(left, y=False)
    compact_ticks(right, y=False)
    right.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    caption(figure, _whole_note(name, whole, interval))
    return figure


def _whole_note(name: str, whole: float | None, interval: tuple[float, float] | None) -> str:
    if whole is None:
        return f"{name} is not defined for all rows together."
    sure = "" if interval is None else f", 95 % interval {compact(interval[0])} to {compact(interval[1])} in grey"
    return f"Dashed: {name} of all rows, {compact(whole)}{sure}. Parts with few rows scatter more."
