"""Settings on the axes of a plot: numbers at their values, everything else side by side, by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from pipeline.report.plots.style import WIDE_RANGE, compact_ticks, plain
from pipeline.report.text import short_name
from pipeline.tuning.table import setting_text


def is_number(value: Any) -> bool:
    """Whether a setting's value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether there are values, and all are numbers."""
    return bool(values) and all(is_number(value) for value in values)


def is_wide(values: Sequence[float]) -> bool:
    """Whether numbers span a range that needs a logarithmic axis."""
    return min(values) > 0 and max(values) > WIDE_RANGE * min(values)


def shares(values: Sequence[float]) -> list[float]:
    """The numbers scaled to 0 to 1, by their logarithms where the range is wide; 0 where all are equal."""
    scaled = [math.log(value) for value in values] if is_wide(values) else [float(value) for value in values]
    low, span = min(scaled), (max(scaled) - min(scaled)) or 1.0
    return [(value - low) / span for value in scaled]


def axis_positions(axes: Axes, values: Sequence[Any], axis: Literal["x", "y"] = "x") -> list[float]:
    """The positions of values on an axis; sets its scale and ticks."""
    along_x = axis == "x"
    ruler = axes.xaxis if along_x else axes.yaxis
    if are_numbers(values):
        if is_wide(values):
            axes.set(**{f"{axis}scale": "log"})
            ruler.set_minor_formatter(NullFormatter())
        elif all(isinstance(value, int) for value in values):
            ruler.set_major_locator(MaxNLocator(integer=True))
        compact_ticks(axes, x=along_x, y=not along_x)
        return [float(value) for value in values]
    names = sorted({setting_text(value) for value in values})
    ruler.set_ticks(range(len(names)), [short_name(name, 12) for name in names])
    for label in ruler.get_ticklabels():
        plain(label).set_rotation(30 if along_x and len(names) > 4 else 0)
    axes.set(**{f"{axis}lim": (-0.5, max(len(names), 1) - 0.5)})
    return [float(names.index(setting_text(value))) for value in values]
