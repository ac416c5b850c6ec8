"""The style of all plots: sizes, colours for colour-blind readers, quiet axes, safe text."""

from __future__ import annotations

import math
import textwrap
import warnings
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from pipeline.formatting import compact

DPI = 144
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
"""From Okabe and Ito's palette: distinct under every common colour blindness; the first two in grey as well."""
INK, MUTED, FAINT, GREY = "#222222", "#666666", "#DDDDDD", "#AAAAAA"
SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#BBD7EA", BLUE, "#00456E"])
CAPTION_SIZE = 8.5
WIDE_RANGE = 30.0
"""Ratio of the largest to the smallest value above which an axis is logarithmic."""
LETTERS_AN_INCH = 15.0
"""Letters of a caption per inch, so that it is wrapped before it leaves the figure."""

# Names in scripts that the font lacks are drawn as boxes, which the plot shows well enough.
warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)


def new_figure(width: float, height: float, title: str) -> Figure:
    """A figure of `width` times `height` inches with its title at the upper left."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.06, hspace=0.08)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    plain(figure.suptitle(title, x=0.015, ha="left", fontsize=13, fontweight="bold", color=INK))
    return figure


def style_axes(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Name an axes and its two axes, and leave only the lines that help reading."""
    plain(axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8))
    plain(axes.set_xlabel(x_label, fontsize=10, color=MUTED))
    plain(axes.set_ylabel(y_label, fontsize=10, color=MUTED))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=9, length=3, color=FAINT)
    axes.tick_params(which="minor", color=FAINT)
    axes.grid(True, color=FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def caption(figure: Figure, *sentences: str) -> None:
    """Small print below the plots, wrapped; nothing if all sentences are empty."""
    text = " ".join(sentence for sentence in sentences if sentence)
    lines = textwrap.wrap(text, int(LETTERS_AN_INCH * figure.get_figwidth()))
    if lines:
        plain(figure.supxlabel("\n".join(lines), x=0.015, ha="left", fontsize=CAPTION_SIZE, color=MUTED))


def colour_bar(figure: Figure, axes: Axes, shades: ScalarMappable, name: str, **more: Any) -> None:
    """A colour bar that explains the shades of a plot."""
    bar = figure.colorbar(shades, ax=axes, fraction=0.04, pad=0.02, **more)
    bar.set_label(name, fontsize=9, color=MUTED)
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=8, length=2, colors=MUTED)


def quiet_legend(axes: Axes, **more: Any) -> None:
    """A legend without a frame; none if nothing has a label."""
    if axes.get_legend_handles_labels()[1]:
        legend = axes.legend(**({"frameon": False, "fontsize": 9, "labelcolor": INK} | more))
        for label in legend.get_texts():
            plain(label)


def without_data(axes: Axes, words: str) -> None:
    """An empty plot that says why."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    plain(axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=10, color=MUTED))


def shares(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Axes from 0 to 1 with a small margin, as percentages."""
    percent = FuncFormatter(lambda value, _: f"{value:.0%}")
    if x:
        axes.set_xlim(-0.015, 1.015)
        axes.xaxis.set_major_formatter(percent)
    if y:
        axes.set_ylim(-0.015, 1.015)
        axes.yaxis.set_major_formatter(percent)


def plain(text: Text) -> Text:
    """Show a name as it is: a dollar sign does not begin a formula."""
    text.set_parse_math(False)
    return text


def compact_ticks(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Format the ticks of linear and logarithmic axes by `compact`."""
    formatter = FuncFormatter(lambda value, _: compact(value) if math.isfinite(value) else "")
    if x:
        axes.xaxis.set_major_formatter(formatter)
    if y:
        axes.yaxis.set_major_formatter(formatter)
