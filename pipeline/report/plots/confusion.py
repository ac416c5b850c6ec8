"""The confusion matrix: counts, and the share of each actual class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.evaluation.report.classification import ConfusionMatrix
from pipeline.formatting import counted, format_percent
from pipeline.report.plots.style import FAINT, INK, SHADES, caption, colour_bar, new_figure, plain, style_axes
from pipeline.report.text import short_name

MOST_WITH_TEXT = 20
"""Number of classes up to which each cell has room for readable numbers."""
MOST_WITH_NAMES = 60


def confusion_matrix(confusion: ConfusionMatrix, *, title: str = "Confusion matrix") -> Figure:
    """Rows are actual classes, columns predicted ones; the shade is the share of the actual class."""
    counts = np.array(confusion.counts, dtype=np.int64).reshape(len(confusion.classes), -1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(confusion.classes)
    side = float(np.clip(0.62 * size, 3.0, 11.0))
    figure = new_figure(side + 2.8, side + 1.6, title)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=SHADES, vmin=0.0, vmax=1.0)
    style_axes(axes, "", "Predicted", "Actual")
    axes.grid(False)
    _name_ticks(axes, confusion.classes)
    if size <= MOST_WITH_TEXT:
        _write_cells(axes, counts, shares)
    colour_bar(figure, axes, image, "Share of the actual class", format=lambda share, _: f"{share:.0%}")
    caption(figure, _rows_note(counts), _absent_note(confusion.classes, counts))
    return figure


def _name_ticks(axes: Axes, classes: tuple[str, ...]) -> None:
    size = len(classes)
    step = max(1, -(-size // MOST_WITH_NAMES))
    positions = list(range(0, size, step))
    names = [short_name(classes[position]) for position in positions]
    upright = size <= 4 and max(map(len, names)) <= 12
    font = 10 if size <= 10 else 8 if size <= MOST_WITH_TEXT else 6
    axes.set_xticks(positions, names, rotation=0 if upright else 45, ha="center" if upright else "right", fontsize=font)
    axes.set_yticks(positions, names, fontsize=font)
    if not upright:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        plain(label)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set(visible=True, color=FAINT)


def _write_cells(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    size = len(counts)
    font = 12 if size <= 4 else 9 if size <= 10 else 8 if size <= 14 else 6.5
    for (row, column), count in np.ndenumerate(counts):
        share = float(shares[row, column])
        colour = "white" if share > 0.5 else INK
        text = f"{count:,}\n{format_percent(share)}" if count else "0"
        axes.text(column, row, text, ha="center", va="center", fontsize=font, color=colour, linespacing=1.3)


def _rows_note(counts: NDArray[np.int64]) -> str:
    rows, right = int(counts.sum()), int(np.trace(counts))
    if not rows:
        return "No rows."
    return f"{counted(rows, 'row')}, {right:,} of them right ({right / rows:.1%})."


def _absent_note(classes: tuple[str, ...], counts: NDArray[np.int64]) -> str:
    absent = [short_name(name) for name, row in zip(classes, counts, strict=True) if not row.sum()]
    if not absent or not counts.sum():
        return ""
    more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
    return f"Without a row here: {', '.join(absent[:3])}{more}."
