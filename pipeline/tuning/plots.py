"""Plots of a search: its history, the learning curves of trials, the effect of settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.plots.style import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    caption,
    compact_ticks,
    new_figure,
    plain,
    style_axes,
)
from pipeline.report.text import short_name
from pipeline.tuning.plot_axes import are_numbers, axis_positions, shares
from pipeline.tuning.record import TrialRecord, finished
from pipeline.tuning.table import setting_name, setting_text, trial_counts

PANELS_A_ROW = 3


def history_plot(records: Sequence[TrialRecord], metric: str, *, maximizes: bool, title: str) -> Figure:
    """The metric of each finished trial, and the best so far; marks at the bottom for all others."""
    figure = new_figure(7.6, 4.4, title)
    axes = figure.subplots()
    style_axes(axes, "Best so far", "Trial", metric)
    ended = finished(records)
    if ended:
        numbers, values = [record.number for record in ended], [record.reached for record in ended]
        best = (np.maximum if maximizes else np.minimum).accumulate(values)
        axes.scatter(numbers, values, s=22, color=BLUE, alpha=0.7, linewidths=0, label="finished")
        axes.step(numbers, best, where="post", color=ORANGE, linewidth=1.8, label="best so far")
    for state, mark in (("pruned", "|"), ("failed", "x")):
        at = [record.number for record in records if record.state == state]
        if at:
            axes.plot(at, [0.02] * len(at), mark, color=MUTED, transform=axes.get_xaxis_transform(), label=state)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    compact_ticks(axes, x=False)
    caption(figure, trial_counts(records))
    return figure


def epochs_plot(records: Sequence[TrialRecord], metric: str, *, best: int, title: str, step: str = "epoch") -> Figure:
    """The metric by epoch, or by fold, one line per trial; the line of a pruned trial ends early."""
    figure = new_figure(7.6, 4.4, title)
    axes = figure.subplots()
    style_axes(axes, "One line per trial", step.capitalize(), metric)
    for record in sorted(records, key=lambda record: record.number == best):
        epochs = sorted(record.values)
        values = [record.values[epoch] for epoch in epochs]
        if record.number == best:
            axes.plot(epochs, values, color=ORANGE, linewidth=2.2, label=f"trial {best}, the best")
        else:
            axes.plot(epochs, values, color=BLUE, linewidth=0.9, alpha=0.4)
            if record.state == "pruned" and epochs:
                axes.plot(epochs[-1:], values[-1:], "o", color=BLUE, markersize=3, alpha=0.6)
    finite = [value for record in finished(records) for value in record.values.values() if math.isfinite(value)]
    if finite:
        low, high = np.quantile(finite, [0.0, 0.95])
        margin = 0.08 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + 3 * margin)
        axes.legend(frameon=False, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    compact_ticks(axes, x=False)
    caption(figure, "Dots mark the end of pruned trials. The highest values may lie outside.")
    return figure


def settings_plot(records: Sequence[TrialRecord], metric: str, *, title: str) -> Figure:
    """The metric over each setting, one panel each, of the finished trials."""
    ended = finished(records)
    names = _names(ended)
    rows = max(1, math.ceil(len(names) / PANELS_A_ROW))
    columns = max(1, min(PANELS_A_ROW, len(names)))
    figure = new_figure(max(5.0, 3.8 * columns), 0.9 + 3.0 * rows, title)
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes, name in zip(panels, names, strict=False):
        style_axes(axes, short_name(name, 34), "", metric)
        tried = [record for record in ended if name in record.settings]
        axes.scatter(
            axis_positions(axes, [record.settings[name] for record in tried]),
            [record.reached for record in tried], s=22, color=BLUE, alpha=0.6, linewidths=0,
        )  # fmt: skip
        compact_ticks(axes, x=False)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    caption(figure, trial_counts(records))
    return figure


def parallel_plot(records: Sequence[TrialRecord], metric: str, *, title: str) -> Figure:
    """One line per trial through all its settings to its metric; blue has the lower values, orange the higher."""
    ended = sorted(finished(records), key=lambda record: record.reached)
    names = _names(ended)
    figure = new_figure(max(6.4, 1.8 * (len(names) + 1)), 4.6, title)
    axes = figure.subplots()
    style_axes(axes, "One line per trial", "", "")
    axes.grid(False)
    axes.set_yticks([])
    scales = [_scale([record.settings.get(name) for record in ended]) for name in names]
    scales.append(_scale([record.reached for record in ended]))
    shades = np.linspace(0.0, 1.0, max(len(ended), 1))
    for rank, shade in enumerate(shades[: len(ended)]):
        heights = [scale[rank] for scale, _ in scales]
        axes.plot(range(len(scales)), heights, color=BLUE if shade < 0.5 else ORANGE,
                  alpha=0.25 + 0.6 * abs(shade - 0.5), linewidth=1.3)  # fmt: skip
    for position, (_, marks) in enumerate(scales):
        axes.axvline(position, color=FAINT, linewidth=1.0, zorder=0)
        for share, text in marks:
            plain(axes.text(position + 0.03, share, short_name(text, 16), fontsize=8, color=MUTED, va="center"))
    axes.set_xticks(range(len(scales)), [short_name(setting_name(name), 16) for name in [*names, metric]])
    axes.set_xlim(-0.2, len(scales) - 0.5)
    caption(figure, f"Blue has the lower {metric}, orange the higher.", trial_counts(records))
    return figure


def importance_plot(importance: Mapping[str, float], *, title: str) -> Figure:
    """The share of the variance between trials that each setting explains (fANOVA)."""
    figure = new_figure(6.8, 1.6 + 0.34 * max(len(importance), 1), title)
    axes = figure.subplots()
    style_axes(axes, "Share of the variance between trials", "", "")
    order = sorted(importance, key=lambda name: importance[name])
    axes.barh([short_name(name, 40) for name in order], [importance[name] for name in order], color=BLUE, height=0.6)
    axes.set_xlim(0.0, 1.0)
    axes.grid(False, axis="y")
    caption(figure, "" if importance else "Too few trials finished to tell.")
    return figure


def _names(records: Sequence[TrialRecord]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record.settings))


def _scale(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """The heights of values between 0 and 1, NaN for missing ones; and labels beside the axis."""
    set_values = [value for value in values if value is not None]
    if are_numbers(set_values):
        placed = iter(shares(set_values))
        low, high = min(set_values), max(set_values)
        marks = [(0.0, setting_text(low)), (1.0, setting_text(high))] if high > low else [(0.0, setting_text(low))]
        return [math.nan if value is None else next(placed) for value in values], marks
    names = sorted({setting_text(value) for value in set_values})
    last = max(len(names) - 1, 1)
    height_of = {name: index / last for index, name in enumerate(names)}
    heights = [math.nan if value is None else height_of[setting_text(value)] for value in values]
    return heights, [(height, name) for name, height in height_of.items()]
