"""The joint effect of two settings: the metric as a surface over both, where both are numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.tri import LinearTriInterpolator, Triangulation
from numpy.typing import NDArray

from pipeline.report.plots.style import INK, MUTED, ORANGE, caption, new_figure, quiet_legend, style_axes, without_data
from pipeline.report.text import short_name
from pipeline.tuning.colour_scale import colour_scale, draw_colour_scale
from pipeline.tuning.plot_axes import are_numbers, axis_positions
from pipeline.tuning.record import TrialRecord, finished, ranked
from pipeline.tuning.space import param_of
from pipeline.tuning.table import setting_text, trial_counts

LEAST_VALUES = 4
"""Distinct values that a setting needs for a surface: two or three say nothing about what lies between."""
LEAST_POSITIONS = 8
LEVELS = 12
MESH = 240
JITTER = 0.16
"""How far trials with the same name are moved apart, as a share of the distance between two names."""


def two_settings(records: Sequence[TrialRecord], importance: Mapping[str, float]) -> tuple[str, str] | None:
    """The two most important settings of which several values were tried together; None where there are none.

    Settings that some trials lack have no importance, and come last.
    """
    ended = finished(records)
    others = (name for record in ended for name in record.settings)
    names = [*importance, *(name for name in others if not any(key.startswith(f"{name}.") for key in importance))]
    pairs = combinations(dict.fromkeys(names), 2)
    return next((pair for pair in pairs if all(len(kind) > 1 for kind in _kinds(ended, pair))), None)


def contour_plot(
    records: Sequence[TrialRecord], metric: str, *, names: tuple[str, str], maximizes: bool, title: str
) -> Figure:
    """A dot per trial at the values of two settings, the darker the better, over the surface between the dots.

    Args:
        records: all trials; those that have both settings are drawn.
        metric: the metric that trials are compared by.
        names: the two settings, from `two_settings`.
        maximizes: whether more of the metric is better.
        title: the figure's title.
    """
    figure = new_figure(7.6, 5.6, title)
    axes = figure.subplots()
    style_axes(axes, "The darker, the better", *(short_name(name, 44) for name in names))
    axes.grid(False)
    complete = [record for record in records if None not in _values(record, names)]
    ended = ranked(complete, maximizes=maximizes)
    if not ended:
        without_data(axes, "no trial with both settings finished")
        return figure
    others = [record for record in complete if not record.is_finished]
    values = np.array([record.reached for record in ended])
    shades = colour_scale(values.tolist(), maximizes=maximizes)
    x, y = zip(*(_values(record, names) for record in (*ended, *others)), strict=True)
    positions = np.column_stack([axis_positions(axes, x, "x"), axis_positions(axes, y, "y")])
    graded = _is_graded(x[: len(ended)]) and _is_graded(y[: len(ended)])
    drawn = graded and _draw_surface(axes, shades, positions[: len(ended)], values)
    _draw_dots(axes, shades, positions + _jitter(x, y), values, label=f"trial {ended[0].number}, the best of these")
    draw_colour_scale(figure, axes, shades, metric, maximizes=maximizes)
    remark = "The surface is straight between neighbouring trials, whose other settings may differ."
    caption(figure, remark if drawn else "", trial_counts(complete))
    return figure


def _values(record: TrialRecord, names: Sequence[str]) -> list[Any]:
    return [param_of(record.settings, name) for name in names]


def _kinds(records: Sequence[TrialRecord], names: tuple[str, str]) -> tuple[set[str], set[str]]:
    """The distinct values of both settings, over the trials that have both."""
    pairs = [values for record in records if None not in (values := _values(record, names))]
    return {setting_text(one) for one, _ in pairs}, {setting_text(other) for _, other in pairs}


def _is_graded(values: Sequence[Any]) -> bool:
    return are_numbers(values) and len(set(values)) >= LEAST_VALUES


def _draw_surface(
    axes: Axes, shades: ScalarMappable, positions: NDArray[np.float64], values: NDArray[np.float64]
) -> bool:
    """Draw it if there are enough trials, not all on one line; of trials at one position, the first counts."""
    scaled = axes.transScale.transform(positions)
    low, span = scaled.min(axis=0), np.ptp(scaled, axis=0)
    different, first = np.unique((scaled - low) / span, axis=0, return_index=True)
    if len(different) < LEAST_POSITIONS or np.linalg.matrix_rank(different - different.mean(axis=0), tol=1e-6) < 2:
        return False
    surface = LinearTriInterpolator(Triangulation(*different.T), values[first])
    ruler = np.linspace(0.0, 1.0, MESH)
    x, y = axes.transScale.inverted().transform(low + span * ruler[:, None]).T
    lower, upper = sorted((shades.norm.vmin or 0.0, shades.norm.vmax or 0.0))
    axes.contourf(
        x, y, surface(*np.meshgrid(ruler, ruler)), levels=np.linspace(lower, upper, LEVELS), extend="both",
        cmap=shades.cmap, norm=shades.norm, alpha=0.75, zorder=1,
    )  # fmt: skip
    return True


def _draw_dots(
    axes: Axes, shades: ScalarMappable, positions: NDArray[np.float64], values: NDArray[np.float64], *, label: str
) -> None:
    """Draw a dot for each value, with a ring around the first, the best; a cross at each position beyond."""
    x, y = positions.T
    count = len(values)
    if len(positions) > count:
        axes.plot(x[count:], y[count:], "x", color=MUTED, markersize=4, alpha=0.7, label="pruned or failed", zorder=3)
    colours = shades.to_rgba(values)
    axes.scatter(x[:count], y[:count], c=colours, s=34, edgecolors=INK, linewidths=0.6, zorder=4)
    ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": ORANGE, "markeredgewidth": 2.0}
    axes.plot(x[:1], y[:1], "o", markersize=12, label=label, zorder=5, **ring)
    quiet_legend(axes, loc="lower left", bbox_to_anchor=(0.3, 1.0), ncols=2, borderaxespad=0.3)
    axes.use_sticky_edges = False


def _jitter(x: Sequence[Any], y: Sequence[Any]) -> NDArray[np.float64]:
    """How far dots are moved along an axis of names, the same each time, so that none hides another."""
    turns = np.modf(np.arange(len(x))[:, None] * np.array([0.618034, 0.754878]))[0] * 2.0 - 1.0
    return np.asarray(turns * [0.0 if are_numbers(kind) else JITTER for kind in (x, y)])
