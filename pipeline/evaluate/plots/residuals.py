"""Where a regression is wrong: predicted against actual values, and how the errors are distributed.

A few extreme rows must not squeeze all others into a corner. Labels over several orders of magnitude get
logarithmic axes; otherwise the axes end near the outermost thousandths, and the caption says how many rows lie
beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from pipeline.evaluate.plots.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SHADES,
    caption,
    compact,
    compact_ticks,
    counted,
    new_figure,
    plain,
    short_name,
    style_axes,
)

Floats = NDArray[np.float64]
WIDE_RANGE = 20.0
"""Ratio of the 99.5 % to the 0.5 % quantile from which on axes are logarithmic."""
MOST_DOTS = 3000
"""Rows up to which dots are drawn; beyond, hexagons are shaded by their number of rows."""
BINS = 60


@dataclass(frozen=True)
class _Window:
    """The part of the plane that is shown: both axes from `low` to `high`."""

    low: float
    high: float
    log: bool

    def holds(self, values: Floats) -> NDArray[np.bool_]:
        return (values >= self.low) & (values <= self.high)


def residuals(label: ArrayLike, prediction: ArrayLike, *, name: str, title: str = "Residuals") -> Figure:
    """Two panels: predicted against actual, and the distribution of predicted minus actual.

    Args:
        label: [n], in its own unit.
        prediction: [n] or [n, 1], in the same unit.
        name: of the label.
        title: of the figure.
    """
    actual = np.asarray(label, dtype=np.float64).reshape(-1)
    predicted = np.asarray(prediction, dtype=np.float64).reshape(-1)
    figure = new_figure(11.4, 5.2, title)
    left, right = figure.subplots(1, 2)
    unit = short_name(name, 32)
    style_axes(left, "Predicted against actual", f"Actual {unit}", f"Predicted {unit}")
    style_axes(right, "Distribution of the error", f"Predicted minus actual {unit}", "Rows")
    if not actual.size:
        caption(figure, "No rows.")
        return figure
    beyond = _predicted_against_actual(figure, left, actual, predicted)
    beyond_errors = _error_histogram(right, predicted - actual)
    caption(figure, f"{counted(actual.size, 'row')}.", beyond, beyond_errors)
    return figure


def _predicted_against_actual(figure: Figure, axes: Axes, actual: Floats, predicted: Floats) -> str:
    window = _window(actual, predicted)
    if window.log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    inside = window.holds(actual) & window.holds(predicted)
    if inside.sum() > MOST_DOTS:
        _hexagons(figure, axes, actual[inside], predicted[inside], window)
    else:
        axes.scatter(actual[inside], predicted[inside], s=14, color=BLUE, alpha=0.45, linewidths=0)
    ends = (window.low, window.high)
    axes.plot(ends, ends, color=ORANGE, linewidth=1.3, label="predicted = actual")
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    compact_ticks(axes)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return _beyond_said(int((~inside).sum()), "outside the left plot")


def _hexagons(figure: Figure, axes: Axes, actual: Floats, predicted: Floats, window: _Window) -> None:
    scale: Literal["log", "linear"] = "log" if window.log else "linear"
    bounds = np.log10([window.low, window.high]) if window.log else np.array([window.low, window.high])
    hexagons = axes.hexbin(
        actual, predicted, gridsize=45, mincnt=1, bins="log", cmap=SHADES.resampled(256), linewidths=0.1,
        xscale=scale, yscale=scale, extent=(bounds[0], bounds[1], bounds[0], bounds[1]),
    )  # fmt: skip
    bar = figure.colorbar(hexagons, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("Rows", fontsize=9, color=MUTED)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2, colors=MUTED)


def _window(actual: Floats, predicted: Floats) -> _Window:
    both = np.concatenate([actual, predicted])
    low, high = np.quantile(both, [0.005, 0.995])
    if both.min() > 0 and high > WIDE_RANGE * low:
        return _Window(float(both.min()) / 1.15, float(both.max()) * 1.15, True)
    low, high = np.quantile(both, [0.001, 0.999])
    margin = 0.05 * (high - low) or max(1.0, abs(high)) * 0.05
    return _Window(float(low - margin), float(high + margin), False)


def _error_histogram(axes: Axes, errors: Floats) -> str:
    reach = _reach(errors)
    inside = np.abs(errors) <= reach
    bins = int(np.clip(2 * np.sqrt(inside.sum()), 11, BINS))
    axes.hist(errors[inside], bins=bins, range=(-reach, reach), color=BLUE, alpha=0.85)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.axvline(0.0, color=INK, linewidth=1.0)
    middle = float(np.median(errors))
    axes.axvline(middle, color=ORANGE, linewidth=1.6, linestyle="--")
    note = f"median {compact(middle)}\nmean absolute {compact(float(np.abs(errors).mean()))}"
    plain(axes.text(0.98, 0.96, note, transform=axes.transAxes, ha="right", va="top", fontsize=9, color=MUTED))
    axes.set_xlim(-reach, reach)
    axes.grid(False, axis="x")
    compact_ticks(axes)
    return _beyond_said(int((~inside).sum()), "outside the right one")


def _reach(errors: Floats) -> float:
    """How far from 0 the histogram goes: 99 % of the errors, unless few of them stretch it out of all shape."""
    low, lower, upper, high = np.quantile(errors, [0.005, 0.25, 0.75, 0.995])
    reach = max(abs(low), abs(high))
    centre, spread = max(abs(lower), abs(upper)), upper - lower
    return 1.02 * float(min(reach, centre + 8.0 * spread) if spread else reach) or 1.0


def _beyond_said(count: int, where: str) -> str:
    return f"{counted(count, 'row')} {'lies' if count == 1 else 'lie'} {where}." if count else ""
