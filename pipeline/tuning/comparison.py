"""A search over one or two settings with a few values each, as a table of their best results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.config.search import SearchConfig
from pipeline.formatting import counted
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
from pipeline.tuning.colour_scale import colour_scale, draw_colour_scale
from pipeline.tuning.plot_axes import are_numbers
from pipeline.tuning.record import TrialRecord, ranked
from pipeline.tuning.space import param_of
from pipeline.tuning.table import setting_name, setting_text, trial_counts

MOST_SETTINGS = 2
MOST_VALUES = 30
DARK = 1.5
"""Sum of red, green and blue below which black text is hard to read."""
SIGNIFICANT = 3
"""Digits of the differences between cells."""

Options = Mapping[str, Sequence[str]]
"""The values of one or two settings, as texts in the order of the configuration, by the settings' names."""
Cell = tuple[str, ...]
"""Values of these settings."""


def compared_values(config: SearchConfig, records: Sequence[TrialRecord]) -> Options:
    """The settings to compare: all of a small grid, else those with named choices; empty unless one or two."""
    named = {
        name: setting for name, setting in config.space.items() if setting.choice and not are_numbers(setting.choice)
    }
    space = config.space if config.sampler == "grid" and len(config.space) <= MOST_SETTINGS else named
    if not 1 <= len(space) <= MOST_SETTINGS:
        return {}
    options: dict[str, list[str]] = {}
    for name, setting in space.items():
        tried = [record.settings[name] for record in records if name in record.settings]
        ordered = setting.choice or sorted(tried)
        options[name] = [*dict.fromkeys(setting_text(value) for value in ordered if value in tried)]
    return options if all(0 < len(values) <= MOST_VALUES for values in options.values()) else {}


def comparison_plot(
    records: Sequence[TrialRecord], metric: str, *, options: Options, maximizes: bool, title: str
) -> Figure:
    """The best trial of each value, or of each pair of values.

    Args:
        records: of all trials.
        metric: the metric that trials are compared by.
        options: from `compared_values`: one setting gives a row of dots per value, two give a table.
        maximizes: whether more of the metric is better.
        title: of the figure.
    """
    cells: dict[Cell, list[TrialRecord]] = {}
    for record in records:
        cells.setdefault(tuple(setting_text(param_of(record.settings, name)) for name in options), []).append(record)
    draw = _table if len(options) == 2 else _lines
    figure = draw(cells, metric, options=options, maximizes=maximizes, title=title)
    many = max(len(tried) for tried in cells.values()) > 1
    caption(
        figure,
        "Where several trials have the same values, the best one is shown." if many else "",
        trial_counts(records),
    )
    return figure


def _table(
    cells: Mapping[Cell, Sequence[TrialRecord]], metric: str, *, options: Options, maximizes: bool, title: str
) -> Figure:
    # The one with more values goes down the page, where there is more room.
    across, down = sorted(options, key=lambda name: len(options[name]))
    width, height = len(options[across]), len(options[down])
    figure = new_figure(3.2 + 1.15 * max(width, 2), 2.0 + 0.62 * max(height, 2), title)
    axes = figure.subplots()
    style_axes(axes, f"{setting_name(down)} by {setting_name(across)}", short_name(across, 40), short_name(down, 30))
    axes.grid(False)
    _name_ticks(axes, options[across], options[down])
    names = [[_cell(options, {across: one, down: other}) for one in options[across]] for other in options[down]]
    tried = {(row, column): cells.get(names[row][column], ()) for row, column in np.ndindex(height, width)}
    best = {cell: trials[0].reached for cell, some in tried.items() if (trials := ranked(some, maximizes=maximizes))}
    if not best:
        without_data(axes, "no trial finished")
        return figure
    shades = colour_scale([*best.values()], maximizes=maximizes)
    _fill(axes, shades, best, (height, width))
    for (row, column), some in tried.items():
        if some and (row, column) not in best:
            axes.text(column, row, some[0].state, ha="center", va="center", fontsize=10, color=MUTED)
    row, column = (max if maximizes else min)(best, key=lambda cell: best[cell])
    frame = Rectangle(
        (column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=3.0, clip_on=False, zorder=5
    )
    axes.add_patch(frame)
    draw_colour_scale(figure, axes, shades, metric, maximizes=maximizes)
    return figure


def _cell(options: Options, values: Mapping[str, str]) -> Cell:
    return tuple(values[name] for name in options)


def _fill(axes: Axes, shades: ScalarMappable, values: Mapping[tuple[int, int], float], shape: tuple[int, int]) -> None:
    """Shade the cells of a table, by row and column, and write their values."""
    grid = np.full(shape, np.nan)
    for cell, value in values.items():
        grid[cell] = value
    colours = np.asarray(shades.to_rgba(grid))
    axes.imshow(colours, aspect="auto")
    digits = digits_of([*values.values()])
    for (row, column), value in values.items():
        colour = "white" if colours[row, column, :3].sum() < DARK else INK
        axes.text(column, row, f"{value:,.{digits}f}", ha="center", va="center", fontsize=10, color=colour)


def _name_ticks(axes: Axes, across: Sequence[str], down: Sequence[str]) -> None:
    slanted = max(map(len, across)) > 10
    axes.set_xticks(range(len(across)), [short_name(name) for name in across], rotation=30 if slanted else 0)
    axes.set_yticks(range(len(down)), [short_name(name) for name in down])
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        plain(label)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set(visible=True, color=FAINT)


def _lines(
    cells: Mapping[Cell, Sequence[TrialRecord]], metric: str, *, options: Options, maximizes: bool, title: str
) -> Figure:
    ((name, values),) = options.items()
    figure = new_figure(7.6, 1.8 + 0.42 * max(len(values), 2), title)
    axes = figure.subplots()
    style_axes(axes, f"By {short_name(setting_name(name), 30)}", metric, "")
    tried = [ranked(cells.get((value,), ()), maximizes=maximizes) for value in values]
    best = (max if maximizes else min)((trials[0].reached for trials in tried if trials), default=None)
    if best is None:
        without_data(axes, "no trial finished")
        return figure
    for row, trials in enumerate(tried):
        reached = [trial.reached for trial in trials]
        axes.plot(reached[1:], [row] * len(reached[1:]), "o", color=BLUE, markersize=4, alpha=0.4)
        axes.plot(reached[:1], [row] * len(reached[:1]), "o", color=ORANGE if best in reached else BLUE, markersize=8)
    remarks = [counted(len(cells.get((value,), ())), "trial") for value in values]
    names = [f"{short_name(value)}\n{remark}" for value, remark in zip(values, remarks, strict=True)]
    axes.set_yticks(range(len(values)), names)
    for label in axes.get_yticklabels():
        plain(label).set_color(MUTED)
    axes.set_ylim(len(values) - 0.5, -0.5)
    compact_ticks(axes, y=False)
    return figure


def digits_of(values: Sequence[float]) -> int:
    """Digits after the decimal point that show `SIGNIFICANT` digits of the differences."""
    spread = (max(values) - min(values)) or max(map(abs, values)) or 1.0
    return min(max(SIGNIFICANT - 1 - math.floor(math.log10(spread)), 0), 6)
