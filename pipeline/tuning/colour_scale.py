"""The metric of trials as shades: the darker, the better; the worst share one shade, so that the good ones differ."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.formatting import compact
from pipeline.report.plots.style import SHADES, colour_bar

WORST_SHARE = 0.15
"""The share of trials with the lightest shade: a few bad outliers would leave a single shade to all others."""


def colour_scale(values: list[float], *, maximizes: bool) -> ScalarMappable:
    """Shades for the metric of one or more trials."""
    best, worst = (max(values), min(values)) if maximizes else (min(values), max(values))
    bound = float(np.quantile(values, WORST_SHARE if maximizes else 1.0 - WORST_SHARE))
    # Where nearly all values are equal, the quantile would leave no range of shades.
    bound = worst if bound == best else bound
    return ScalarMappable(Normalize(min(best, bound), max(best, bound)), SHADES if maximizes else SHADES.reversed())


def draw_colour_scale(figure: Figure, axes: Axes, shades: ScalarMappable, metric: str, *, maximizes: bool) -> None:
    """Draw the scale beside a plot."""
    extend = "min" if maximizes else "max"
    colour_bar(figure, axes, shades, metric, extend=extend, format=lambda value, _: compact(value))
