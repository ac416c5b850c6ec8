"""The errors of a regression: four panels, drawn from histograms, so that the number of rows does not matter."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pipeline.evaluation.report.regression import Counts, Grid, RegressionReport
from pipeline.formatting import compact, counted
from pipeline.report.plots.style import (
    BLUE,
    INK,
    ORANGE,
    caption,
    colour_bar,
    compact_ticks,
    new_figure,
    plain,
    quiet_legend,
    style_axes,
    without_data,
)
from pipeline.report.text import short_name

Floats = NDArray[np.float64]
DENSITY = LinearSegmentedColormap.from_list("density", ["#A9CDE6", BLUE, "#00304D"])
"""Of cells that hold rows: a single row is seen as well."""
NAMED_SHARES = (0.5, 0.9)
"""Shares of the rows whose reach stands beside the line."""
FEWEST_IN_COLUMN = 20
"""Rows of a column of the grid from which on its median is drawn."""
WIDE = 10.0
"""Ratio of the ends of an axis from which on a logarithmic one has ticks to read."""
MOST_BARS = 61
"""Of the histogram; finer bins are put together."""


def residual_plots(report: RegressionReport, *, rows: int, name: str, title: str = "Residuals") -> Figure:
    """Predicted against actual values, the distribution of the error, the error over the prediction, and how many rows
    have an error of at most so much.

    Args:
        report: the errors, predicted minus actual.
        rows: number of rows that were scored.
        name: name of the label, the unit of all axes.
        title: title of the figure.
    """
    unit = short_name(name, 32)
    figure = new_figure(11.4, 9.4, title)
    ((scatter, errors), (spread, reach)) = figure.subplots(2, 2)
    style_axes(scatter, "Predicted against actual", f"Actual {unit}", f"Predicted {unit}")
    style_axes(errors, "Distribution of the error", f"Predicted minus actual {unit}", "Rows")
    style_axes(spread, "Error by prediction", f"Predicted {unit}", "Predicted minus actual")
    style_axes(reach, "How far off", f"Error of at most, {unit}", "Rows")
    beyond = [
        _predicted_against_actual(figure, scatter, report.predicted_over_actual),
        _distribution(errors, report.errors, report.quantiles.get("0.5")),
        _error_by_prediction(figure, spread, report.error_over_predicted),
    ]
    _reach(reach, report.absolute_quantiles)
    caption(figure, f"{counted(rows, 'row')}.", *beyond)
    return figure


def _predicted_against_actual(figure: Figure, axes: Axes, grid: Grid | None) -> str:
    if grid is None or not _shade(figure, axes, grid):
        without_data(axes, "no rows")
        return ""
    low, high = max(grid.x_edges[0], grid.y_edges[0]), min(grid.x_edges[-1], grid.y_edges[-1])
    axes.plot([low, high], [low, high], color=ORANGE, linewidth=1.3, label="predicted = actual")
    quiet_legend(axes, loc="upper left")
    return _beyond_note(grid.outside, "outside the first plot")


def _error_by_prediction(figure: Figure, axes: Axes, grid: Grid | None) -> str:
    if grid is None or not _shade(figure, axes, grid):
        without_data(axes, "no rows")
        return ""
    axes.axhline(0.0, color=INK, linewidth=1.0)
    centres, medians = _column_medians(grid)
    if len(centres) > 1:
        axes.plot(centres, medians, color=ORANGE, linewidth=1.8, label="median error")
        quiet_legend(axes, loc="upper left")
    return _beyond_note(grid.outside, "outside the third")


def _shade(figure: Figure, axes: Axes, grid: Grid) -> bool:
    """Draw the cells that hold rows, and tell whether there are any."""
    counts = np.array(grid.counts, dtype=np.float64)
    if not counts.size or not counts.any():
        return False
    if grid.log and grid.x_edges[-1] > WIDE * grid.x_edges[0]:
        axes.set_xscale("log")
        axes.set_yscale("log")
    most = float(counts.max())
    cells, scale = np.where(counts > 0.0, counts, np.nan), LogNorm(1.0, max(most, 2.0))
    shades = axes.pcolormesh(grid.x_edges, grid.y_edges, cells, cmap=DENSITY, norm=scale, linewidth=0)
    axes.set(xlim=(grid.x_edges[0], grid.x_edges[-1]), ylim=(grid.y_edges[0], grid.y_edges[-1]))
    if most > 1.0:
        colour_bar(figure, axes, shades, "Rows", ticks=_powers(most), format=lambda count, _: compact(count))
    compact_ticks(axes)
    return True


def _powers(most: float) -> list[float]:
    """Ticks from 1 to `most`: powers of ten, or the ends if there is only one power."""
    powers = [10.0**power for power in range(int(math.log10(most)) + 1)]
    return powers if len(powers) > 1 else [1.0, most]


def _column_medians(grid: Grid) -> tuple[Floats, Floats]:
    """Centre and median of each column with enough rows; the median of binned rows is interpolated."""
    edges, x_edges = np.array(grid.y_edges), np.array(grid.x_edges)
    counts = np.array(grid.counts, dtype=np.float64)
    columns = np.flatnonzero(counts.sum(axis=0) >= FEWEST_IN_COLUMN)
    medians = [_median(edges, counts[:, column]) for column in columns]
    return (x_edges[columns] + x_edges[columns + 1]) / 2, np.array(medians)


def _median(edges: Floats, counts: Floats) -> float:
    summed = np.concatenate([[0.0], counts.cumsum()])
    return float(np.interp(summed[-1] / 2, summed, edges))


def _distribution(axes: Axes, errors: Counts | None, median: float | None) -> str:
    if errors is None or not sum(errors.counts):
        without_data(axes, "no rows")
        return ""
    edges, counts = _coarser(np.array(errors.edges), np.array(errors.counts, dtype=np.int64))
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=BLUE, alpha=0.85, linewidth=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.axvline(0.0, color=INK, linewidth=1.0)
    if median is not None:
        axes.axvline(median, color=ORANGE, linewidth=1.6, linestyle="--", label=f"median {compact(median)}")
        quiet_legend(axes, loc="upper left")
    axes.set_xlim(edges[0], edges[-1])
    axes.grid(False, axis="x")
    compact_ticks(axes)
    return _beyond_note(errors.below + errors.above, "in the outermost bars of the second, which lie beyond")


def _coarser(edges: Floats, counts: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Merge bins until at most `MOST_BARS` are left, or fewer for few rows."""
    wanted = min(MOST_BARS, max(11, 2 * math.isqrt(int(counts.sum()))))
    step = math.ceil(counts.size / wanted)
    starts = np.arange(0, counts.size, step)
    return edges[[*starts, counts.size]], np.add.reduceat(counts, starts)


def _reach(axes: Axes, quantiles: Mapping[str, float]) -> None:
    """Draw the share of rows whose error stays below a size."""
    if not quantiles:
        without_data(axes, "no rows")
        return
    shares = [0.0, *map(float, quantiles)]
    sizes = [0.0, *quantiles.values()]
    axes.plot(sizes, shares, color=BLUE, linewidth=1.8, marker="o", markersize=4)
    for share, size in zip(shares, sizes, strict=True):
        if share in NAMED_SHARES:
            note = axes.annotate(
                f"{share:.0%} within {compact(size)}", (size, share), (8, -4), textcoords="offset points", fontsize=9,
                color=INK, va="top",
            )  # fmt: skip
            plain(note)
    axes.set_ylim(0.0, 1.04)
    axes.set_xlim(left=0.0, right=1.3 * max(sizes) or 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    compact_ticks(axes, y=False)


def _beyond_note(count: int, where: str) -> str:
    return f"{counted(count, 'row')} {'lies' if count == 1 else 'lie'} {where}." if count else ""
