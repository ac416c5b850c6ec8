"""The learning-rate finder's curve: the loss while the learning rate rises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pipeline.formatting import counted
from pipeline.report.plots.style import BLUE, FAINT, ORANGE, caption, compact_ticks, new_figure, style_axes

SHOWN_ABOVE_LOWEST = 1.5
"""Height of the plot, in ranges from the lowest to the first smoothed loss; exploding losses would flatten the rest."""


def rate_curve(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    *,
    chosen: float,
    title: str = "Learning-rate finder",
) -> Figure:
    """The loss of each step, raw and smoothed, over the learning rate on a logarithmic axis.

    Args:
        rates: learning rates of the steps, ascending.
        losses: losses of the steps.
        smoothed: smoothed losses of the steps.
        chosen: the learning rate to mark.
        title: title of the figure.
    """
    figure = new_figure(6.8, 4.4, title)
    axes = figure.subplots()
    style_axes(axes, "Loss of one step", "Learning rate", "")
    axes.plot(rates, losses, color=FAINT, linewidth=1.2)
    axes.plot(rates, smoothed, color=BLUE, linewidth=2.0)
    axes.axvline(chosen, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 3)))
    axes.set_xscale("log")
    lowest, first = float(np.min(smoothed)), float(smoothed[0])
    span = max(first - lowest, abs(lowest) * 1e-3, 1e-12)
    axes.set_ylim(lowest - 0.3 * span, lowest + SHOWN_ABOVE_LOWEST * span)
    compact_ticks(axes, x=False)
    caption(figure, f"{counted(len(rates), 'step')}. The smoothed loss falls fastest at {chosen:.2g}.")
    return figure
