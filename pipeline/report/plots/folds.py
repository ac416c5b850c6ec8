"""Folds of a cross-validation: their metrics, their learning curves, and how two models differ fold by fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pipeline.evaluation.comparison import Comparison, PairedMetric
from pipeline.evaluation.folds import CrossvalReport, FoldScore
from pipeline.evaluation.names import capital, is_lower_better, metric_name
from pipeline.formatting import counted, format_number, format_p_value
from pipeline.report.plots.curves import COLUMNS, TITLES, WIDE_RANGE, metric_names
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

Floats = NDArray[np.float64]
Interval = tuple[float, float] | None

EVERY_FOLD = 15
"""Folds up to which each has its number below the axis."""
NARROW = 0.1
"""Height of a panel, as a share of its largest value, below which three digits do not tell ticks apart."""
REACH = 1.5
"""How far a panel reaches beyond its dots at most, in distances between the lowest and the highest one."""
MARGIN = 0.14
"""Free of dots at either end, as a share of what a panel shows."""
CROWD = 20
"""Folds from which on their lines are fainter."""
FOOT = 0.11
"""Height of the crosses, above the names that stand in the margin."""


@dataclass(frozen=True)
class Panel:
    """What is drawn of one metric.

    Attributes:
        places: numbers of the folds, [n].
        values: by fold, [n]; NaN for those that cannot be drawn.
        mean: of them, if any.
        interval: of the mean, if any.
        zero: whether 0 is to be seen as well.
    """

    places: NDArray[np.int64]
    values: Floats
    mean: float | None
    interval: Interval
    zero: bool = False

    @property
    def window(self) -> tuple[float, float]:
        """From where to where all values are seen, and the interval as far as it does not squeeze them."""
        known = [*self.values[~np.isnan(self.values)], *([0.0] if self.zero else [])]
        low, high = min(known, default=0.0), max(known, default=0.0)
        height = (high - low) or 0.1 * abs(high) or 1.0
        ends = self.interval or (low, high)
        bottom, top = max(min(low, ends[0]), low - REACH * height), min(max(high, ends[1]), high + REACH * height)
        margin = MARGIN * max(top - bottom, 0.5 * height)
        return bottom - margin, top + margin

    @property
    def is_cut(self) -> bool:
        """Whether the interval is wider than what is seen."""
        low, high = self.window
        return self.interval is not None and not low <= self.interval[0] <= self.interval[1] <= high


def fold_metrics(report: CrossvalReport, *, title: str = "Folds") -> Figure:
    """A panel a metric of those wanted first: a dot a fold, the mean, and its interval.

    Args:
        report: the cross-validation.
        title: of the figure.
    """
    names = report.headlines
    figure, grid = _grid(len(names), title, "no metrics")
    places = np.array([score.fold for score in report.scores], dtype=np.int64)
    panels = [
        Panel(
            places,
            _finite([score.value(name) for score in report.scores]),
            report.mean.get(name),
            report.intervals.get(name),
        )
        for name in names
    ]
    for axes, name, panel in zip(grid, names, panels, strict=False):
        style_axes(axes, capital(metric_name(name)), "Fold", "")
        _draw(axes, panel, report.folds, report.repeats)
        if panel.mean is not None:
            _beside_title(axes, format_number(panel.mean))
    caption(figure, "A dot a fold. Dashed: the mean.", *_said(panels, report.repeats))
    return figure


def fold_curves(report: CrossvalReport, *, title: str = "Learning curves of the folds") -> Figure:
    """A panel a metric of the validation rows: a line a fold, and their mean with one deviation on both sides.

    Mean and deviation of an epoch are over the folds that still trained then, where these are two or more.

    Args:
        report: the cross-validation; values that are not finite leave gaps.
        title: of the figure.
    """
    names = metric_names({key: () for score in report.scores for key in score.history if key.startswith("val_")})
    figure, grid = _grid(len(names), title, "no history of validation rows")
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


def paired_differences(comparison: Comparison, *, title: str = "Differences by fold") -> Figure:
    """A panel a metric of those wanted first: by how much two models differ in each fold, and on average.

    Args:
        comparison: of the two.
        title: of the figure.
    """
    names = comparison.headlines
    figure, grid = _grid(len(names), title, "no metrics")
    first, second = (short_name(name, 16) for name in comparison.names)
    places = np.array(comparison.pairs, dtype=np.int64)
    metrics = [comparison.metrics[name] for name in names]
    panels = [Panel(places, _finite(found.differences), found.mean, found.interval, zero=True) for found in metrics]
    for axes, found, panel in zip(grid, metrics, panels, strict=False):
        style_axes(axes, capital(metric_name(found.metric)), "Fold", f"{first} \N{MINUS SIGN} {second}")
        axes.axhline(0.0, color=INK, linewidth=1.0, zorder=2)
        _draw(axes, panel, comparison.folds, comparison.repeats)
        _name_sides(axes, found, (first, second))
    said = _said(panels, comparison.repeats)
    caption(figure, comparison.sentence, "A dot a fold. Dashed: the mean of the differences.", *said)
    return figure


def _grid(count: int, title: str, words: str) -> tuple[Figure, Sequence[Axes]]:
    """As many panels as metrics, and one with `words` where there is none."""
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


def _finite(values: Sequence[float | None]) -> Floats:
    """Values as an array, NaN for those that cannot be drawn."""
    found = np.array(values, dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def _draw(axes: Axes, panel: Panel, folds: int, repeats: int) -> None:
    missing, odd = np.isnan(panel.values), panel.places // folds % 2 == 1
    for shown, face in ((~odd & ~missing, BLUE), (odd & ~missing, "white")):
        axes.plot(
            panel.places[shown], panel.values[shown], "o", markersize=6, color=BLUE, markerfacecolor=face, zorder=3
        )
    foot = np.full(missing.sum(), FOOT)
    axes.plot(panel.places[missing], foot, "x", color=MUTED, transform=axes.get_xaxis_transform())
    if panel.mean is not None and math.isfinite(panel.mean):
        axes.axhline(panel.mean, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)), zorder=2)
    if panel.interval is not None:
        axes.axhspan(*panel.interval, color=FAINT, alpha=0.6, linewidth=0, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=EVERY_FOLD, integer=True, min_n_ticks=1))
    axes.set_xlim(panel.places.min(initial=folds * repeats) - 0.6, panel.places.max(initial=0) + 0.6)
    axes.set_ylim(*panel.window)
    _ticks(axes)
    for repeat in range(1, repeats):
        axes.axvline(repeat * folds - 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def _ticks(axes: Axes) -> None:
    """Numbers that differ from tick to tick, also where a panel shows a narrow range of large values."""
    low, high = axes.get_ylim()
    if high - low > NARROW * max(abs(low), abs(high)):
        compact_ticks(axes, x=False)
        return
    digits = max(0, 1 - math.floor(math.log10(high - low)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{digits}f}"))


def _beside_title(axes: Axes, words: str) -> None:
    """At the right end, as high as the title on the left."""
    plain(axes.set_title(words, loc="right", fontsize=10, color=ORANGE, pad=8))


def _name_sides(axes: Axes, found: PairedMetric, names: tuple[str, str]) -> None:
    """Who is better above and below zero, in the margins, where no dots are; and what the test says."""
    above, below = names[::-1] if is_lower_better(found.metric) else names
    for height, words, side in ((0.99, f"{above} better ↑", "top"), (0.01, f"{below} better ↓", "bottom")):
        text = axes.text(0.99, height, words, transform=axes.transAxes, fontsize=8, color=MUTED)
        plain(text).set(ha="right", va=side)
    if found.mean is not None:
        chance = "" if found.p_value is None else f", {format_p_value(found.p_value)}"
        _beside_title(axes, f"{format_number(found.mean)}{chance}")


def _curves(axes: Axes, scores: Sequence[FoldScore], key: str) -> None:
    lines = [_finite(score.history.get(key, ())) for score in scores]
    alpha = 0.5 if len(lines) <= CROWD else 0.2
    for score, line in zip(scores, lines, strict=True):
        axes.plot(np.arange(1, line.size + 1), line, color=BLUE, linewidth=0.9, alpha=alpha, zorder=2)
        if 1 <= score.best_epoch <= line.size:
            best = line[score.best_epoch - 1]
            axes.plot([score.best_epoch], [best], "o", color=BLUE, markersize=4, alpha=min(1.0, 2 * alpha), zorder=3)
    known = np.concatenate([line[~np.isnan(line)] for line in lines])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(1.5, max(line.size for line in lines) + 0.5))
    if not known.size:
        without_data(axes, "no finite value")
        return
    low, high = known.min(), known.max()
    is_wide = low > 0 and high / low > WIDE_RANGE
    _mean_line(axes, lines, floor=low / 2.0 if is_wide else min(low, 0.0))
    if is_wide:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        compact_ticks(axes, x=False)
    else:
        _ticks(axes)


def _mean_line(axes: Axes, lines: Sequence[Floats], *, floor: float) -> None:
    """The mean over folds with one deviation, which reaches no lower than `floor`."""
    table = np.array(list(zip_longest(*lines, fillvalue=math.nan)), dtype=np.float64)
    table[(~np.isnan(table)).sum(axis=1) < 2] = np.nan
    enough = np.flatnonzero(~np.isnan(table).all(axis=1))
    if not enough.size:
        return
    # Epochs that too few folds reached, or left finite, are gaps.
    mean, deviation = np.full((2, len(table)), np.nan)
    mean[enough], deviation[enough] = np.nanmean(table[enough], axis=1), np.nanstd(table[enough], axis=1, ddof=1)
    epochs, low = np.arange(1, len(table) + 1), np.maximum(mean - deviation, floor)
    axes.fill_between(epochs, low, mean + deviation, color=ORANGE, alpha=0.18, linewidth=0, zorder=1)
    axes.plot(epochs, mean, color=ORANGE, linewidth=2.0, zorder=4)


def _said(panels: Sequence[Panel], repeats: int) -> list[str]:
    """What has to be known to read the panels."""
    told = {
        "Grey: its 95 % interval, which allows for training rows that folds share.": any(
            panel.interval is not None for panel in panels
        ),
        "Where grey fills a panel, the interval is wider than it.": any(panel.is_cut for panel in panels),
        "Crosses: not defined in this fold.": any(np.isnan(panel.values).any() for panel in panels),
        "Dotted lines part repeats; every other one has hollow dots.": repeats > 1,
    }
    return [sentence for sentence, holds in told.items() if holds]
