"""Panels with one dot per fold, the mean and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from pipeline.report.plots.curves import COLUMNS
from pipeline.report.plots.style import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    compact_ticks,
    new_figure,
    plain,
    style_axes,
    without_data,
)

Floats = NDArray[np.float64]
Interval = tuple[float, float] | None

EVERY_FOLD = 15
"""Number of folds up to which each has its number below the axis."""
NARROW = 0.1
"""Height of a panel, as a share of its largest value, below which three digits do not distinguish ticks."""
REACH = 1.5
"""How far a panel extends beyond its dots at most, in units of their range."""
MARGIN = 0.14
"""Margin without dots at either end, as a share of the height of a panel."""
FOOT = 0.11
"""Height of the crosses, above the names that stand in the margin."""


@dataclass(frozen=True)
class Panel:
    """What a panel shows of one metric.

    Attributes:
        folds: numbers of the folds, int64 [n].
        values: values by fold, float64 [n]; NaN for those that cannot be drawn.
        mean: mean of the values, if any.
        interval: interval of the mean, if any.
        zero: whether the panel includes 0.
    """

    folds: NDArray[np.int64]
    values: Floats
    mean: float | None
    interval: Interval
    zero: bool = False

    @property
    def window(self) -> tuple[float, float]:
        """The range that shows all values, and the interval as far as it does not squeeze them."""
        shown = [*self.values[~np.isnan(self.values)], *([0.0] if self.zero else [])]
        low, high = min(shown, default=0.0), max(shown, default=0.0)
        height = (high - low) or 0.1 * abs(high) or 1.0
        ends = self.interval or (low, high)
        bottom, top = max(min(low, ends[0]), low - REACH * height), min(max(high, ends[1]), high + REACH * height)
        margin = MARGIN * max(top - bottom, 0.5 * height)
        return bottom - margin, top + margin

    @property
    def is_cut(self) -> bool:
        """Whether the interval exceeds the window."""
        low, high = self.window
        return self.interval is not None and not low <= self.interval[0] <= self.interval[1] <= high


def panel_grid(count: int, title: str, words: str) -> tuple[Figure, Sequence[Axes]]:
    """As many panels as metrics; one with `words` if there are none."""
    columns = max(1, min(COLUMNS, count))
    rows = max(1, math.ceil(count / columns))
    figure = new_figure(max(6.4, 4.4 * columns), 1.1 + 3.1 * rows, title)
    grid = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes in grid[max(1, count) :]:
        axes.set_axis_off()
    if not count:
        style_axes(grid[0], "", "", "")
        without_data(grid[0], words)
    return figure, list(grid)


def finite_values(values: Sequence[float | None]) -> Floats:
    """Values as an array, NaN for those that cannot be drawn."""
    finite = np.array(values, dtype=np.float64)
    finite[~np.isfinite(finite)] = np.nan
    return finite


def draw_panel(axes: Axes, panel: Panel, folds: int, repeats: int) -> None:
    """Dots, the mean with its interval, and lines between repeats.

    Args:
        axes: axes to draw on.
        panel: what to draw.
        folds: number of folds in one repeat; every other repeat has hollow dots.
        repeats: number of repeats.
    """
    missing, odd = np.isnan(panel.values), panel.folds // folds % 2 == 1
    for shown, face in ((~odd & ~missing, BLUE), (odd & ~missing, "white")):
        axes.plot(
            panel.folds[shown], panel.values[shown], "o", markersize=6, color=BLUE, markerfacecolor=face, zorder=3
        )
    foot = np.full(missing.sum(), FOOT)
    axes.plot(panel.folds[missing], foot, "x", color=MUTED, transform=axes.get_xaxis_transform())
    if panel.mean is not None and math.isfinite(panel.mean):
        axes.axhline(panel.mean, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)), zorder=2)
    if panel.interval is not None:
        axes.axhspan(*panel.interval, color=FAINT, alpha=0.6, linewidth=0, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=EVERY_FOLD, integer=True, min_n_ticks=1))
    axes.set_xlim(panel.folds.min(initial=folds * repeats) - 0.6, panel.folds.max(initial=0) + 0.6)
    axes.set_ylim(*panel.window)
    set_ticks(axes)
    for repeat in range(1, repeats):
        axes.axvline(repeat * folds - 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def set_ticks(axes: Axes) -> None:
    """Format ticks so that they differ, also if a panel shows a narrow range of large values."""
    low, high = axes.get_ylim()
    if high - low > NARROW * max(abs(low), abs(high)):
        compact_ticks(axes, x=False)
        return
    digits = max(0, 1 - math.floor(math.log10(high - low)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{digits}f}"))


def write_beside_title(axes: Axes, words: str) -> None:
    """Write at the right end of an axes, at the height of its title."""
    plain(axes.set_title(words, loc="right", fontsize=10, color=ORANGE, pad=8))


def panel_notes(panels: Sequence[Panel], repeats: int) -> list[str]:
    """The sentences of a caption that explain what these panels show."""
    sentences = {
        "Grey: its 95 % interval, which allows for training rows that folds share.": any(
            panel.interval is not None for panel in panels
        ),
        "Where grey fills a panel, the interval is wider than it.": any(panel.is_cut for panel in panels),
        "Crosses: not defined in this fold.": any(np.isnan(panel.values).any() for panel in panels),
        "Dotted lines part repeats; every other one has hollow dots.": repeats > 1,
    }
    return [sentence for sentence, holds in sentences.items() if holds]
