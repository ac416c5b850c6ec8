"""How good trials are, as shades: the darker the better, with the worst ones alike, so that the good ones differ."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.formatting import compact
from pipeline.report.plots.style import SHADES, colour_bar

WORST_SHARE = 0.15
"""Of the trials, those that share the lightest shade: a few that went wrong would leave one shade to all others."""


def colour_scale(values: list[float], *, maximizes: bool) -> ScalarMappable:
    """Shades for the metric of trials, of which there is one at least."""
    best, worst = (max(values), min(values)) if maximizes else (min(values), max(values))
    bound = float(np.quantile(values, WORST_SHARE if maximizes else 1.0 - WORST_SHARE))
    # Where nearly all are alike, the quantile would leave no shades at all.
    bound = worst if bound == best else bound
    return ScalarMappable(Normalize(min(best, bound), max(best, bound)), SHADES if maximizes else SHADES.reversed())


def draw_colour_scale(figure: Figure, axes: Axes, shades: ScalarMappable, metric: str, *, maximizes: bool) -> None:
    """What the shades mean, beside a plot."""
    extend = "min" if maximizes else "max"
    colour_bar(figure, axes, shades, metric, extend=extend, format=lambda value, _: compact(value))
