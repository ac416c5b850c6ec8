"""Settings on the axes of a plot: numbers where they are, everything else side by side, by name."""

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
    """Whether a setting's value has a place on an axis of numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether there are values, and all are numbers."""
    return bool(values) and all(is_number(value) for value in values)


def is_wide(values: Sequence[float]) -> bool:
    """Whether numbers are better seen by their logarithms."""
    return min(values) > 0 and max(values) > WIDE_RANGE * min(values)


def shares(values: Sequence[float]) -> list[float]:
    """Numbers between 0 and 1, by their logarithms where they are wide; 0 where all are alike."""
    scaled = [math.log(value) for value in values] if is_wide(values) else [float(value) for value in values]
    low, span = min(scaled), (max(scaled) - min(scaled)) or 1.0
    return [(value - low) / span for value in scaled]


def axis_positions(axes: Axes, values: Sequence[Any], axis: Literal["x", "y"] = "x") -> list[float]:
    """Where values stand on an axis, which gets its scale and its marks."""
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
