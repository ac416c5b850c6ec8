"""How well probabilities rank rows: ROC and precision-recall curves, gain and lift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.report.classification import ClassCurves, Curve
from pipeline.report.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    caption,
    compact_ticks,
    new_figure,
    plain,
    shares,
    style_axes,
    without_data,
)
from pipeline.report.text import short_name

MEANS = ("micro", "macro")
"""Names of the curves over all classes."""
MOST_NAMED = 10
"""Number of classes whose curves can be distinguished; further ones are drawn in grey, without a name."""
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
DASHES: tuple[str, ...] = ("-", "--")
"""The second five of the named classes repeat the colours."""
FEW = 3
"""Number of lines up to which the legend has room within a plot."""
CHANCE: dict[str, Any] = {"color": MUTED, "linewidth": 1.0, "linestyle": (0, (2, 3))}
PLAIN_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 9, "labelcolor": INK}


@dataclass(frozen=True)
class _Look:
    """How a class is drawn."""

    colour: str
    dashes: str
    width: float
    named: bool

    def draw(self, axes: Axes, line: Curve, name: str) -> None:
        axes.plot(
            line.x, line.y, color=self.colour, linestyle=self.dashes, linewidth=self.width, gid=name,
            zorder=3 if self.named else 2,
        )  # fmt: skip


def roc_and_pr(curves: Sequence[ClassCurves], *, prevalence: float | None, title: str = "ROC and PR curves") -> Figure:
    """Two panels: the true-positive rate over the false-positive rate, and precision over recall.

    Args:
        curves: curves of the one class of a binary label; for several classes, their means, and each against the rest.
        prevalence: share of the one class of a binary label, the precision of random guesses; None otherwise.
        title: title of the figure.
    """
    figure, left, right = _two_panels(len(curves), title)
    style_axes(left, "ROC", "False-positive rate", "True-positive rate")
    style_axes(right, "Precision and recall", "Recall", "Precision")
    if _draw(left, curves, {curve.name: curve.roc for curve in curves}):
        left.plot([0, 1], [0, 1], **CHANCE)
    if _draw(right, curves, {curve.name: curve.pr for curve in curves}) and prevalence is not None:
        right.axhline(prevalence, **CHANCE)
    for axes in (left, right):
        shares(axes)
    _legend(figure, right, curves, {curve.name: _areas(curve) for curve in curves})
    areas = "AUC: area under the ROC curve. AP: average precision, the area under the other one. Dotted: chance."
    drawn = any(curve.roc for curve in curves)
    caption(figure, areas if drawn else "", _grey_note(curves), _absent_note(curves))
    return figure


def gain_and_lift(curves: Sequence[ClassCurves], *, title: str = "Gain and lift") -> Figure:
    """Two panels over the share of rows taken, the highest probabilities first: the share of the class that is among
    them, and how many times more frequent it is there than in all rows.
    """
    classes = [curve for curve in curves if curve.name not in MEANS]
    figure, left, right = _two_panels(len(classes), title)
    style_axes(left, "Gain", "Rows taken", "Share of the class found")
    style_axes(right, "Lift", "Rows taken", "Times as frequent as in all rows")
    if _draw(left, classes, {curve.name: _gain(curve.lift) for curve in classes}):
        left.plot([0, 1], [0, 1], **CHANCE)
    if _draw(right, classes, {curve.name: curve.lift for curve in classes}):
        right.axhline(1.0, **CHANCE)
        right.set_ylim(bottom=0.0)
        compact_ticks(right, x=False)
    shares(left)
    shares(right, y=False)
    _legend(figure, right, classes, {curve.name: short_name(curve.name) for curve in classes})
    drawn = any(curve.lift for curve in classes)
    chance = "Dotted: rows taken at random." if drawn else ""
    caption(figure, _first_tenth_note(classes), chance, _grey_note(classes), _absent_note(classes))
    return figure


def _two_panels(lines: int, title: str) -> tuple[Figure, Axes, Axes]:
    """Two panels, with room for a legend beside them if there are many lines."""
    figure = new_figure(11.4 if lines <= FEW else 13.6, 5.4, title)
    left, right = figure.subplots(1, 2)
    return figure, left, right


def _legend(figure: Figure, axes: Axes, curves: Sequence[ClassCurves], labels: Mapping[str, str]) -> None:
    """A legend of the lines that were drawn: within the plot, or beside it if there are many."""
    drawn = {str(line.get_gid()): line for line in axes.lines if line.get_gid() in labels}
    names = [name for name, look in zip(labels, _looks(curves), strict=True) if look.named and name in drawn]
    if not names:
        return
    location: dict[str, Any] = {"loc": "outside right upper"} if len(curves) > FEW else {"loc": "lower left"}
    owner = figure if len(curves) > FEW else axes
    legend = owner.legend([drawn[name] for name in names], [labels[name] for name in names], **location, **PLAIN_LEGEND)
    for label in legend.get_texts():
        plain(label)


def _draw(axes: Axes, curves: Sequence[ClassCurves], lines: Mapping[str, Curve | None]) -> bool:
    """Draw lines, and tell whether there was any; a line's gid is the name of its class."""
    drawn = False
    for (name, line), look in zip(lines.items(), _looks(curves), strict=True):
        if line is not None and line.x:
            look.draw(axes, line, name)
            drawn = True
    if not drawn:
        without_data(axes, "not defined for these rows")
    return drawn


def _looks(curves: Sequence[ClassCurves]) -> Iterator[_Look]:
    ranks = iter(range(len(curves)))
    for curve in curves:
        if curve.name in MEANS:
            yield _Look(INK, "-" if curve.name == "micro" else ":", 2.4, True)
        elif (rank := next(ranks)) < MOST_NAMED:
            dashes, colour = DASHES[rank // len(COLOURS)], COLOURS[rank % len(COLOURS)]
            yield _Look(colour, dashes, 2.2 if len(curves) == 1 else 1.5, True)
        else:
            yield _Look(FAINT, "-", 1.0, False)


def _areas(curve: ClassCurves) -> str:
    """A label with areas: `cats: AUC 0.981, AP 0.875`."""
    name = f"{curve.name} mean" if curve.name in MEANS else short_name(curve.name)
    areas = {"AUC": curve.auc, "AP": curve.average_precision}
    parts = [f"{short} {_area(area)}" for short, area in areas.items() if area is not None]
    return f"{name}: {', '.join(parts)}" if parts else name


def _area(area: float) -> str:
    """Three digits, but nothing rounds to a perfect 1."""
    return f"{area:.3f}" if area <= 0.9995 or area == 1.0 else f"{np.floor(area * 1e6) / 1e6:.6f}"


def _gain(lift: Curve | None) -> Curve | None:
    """Share of the class among the rows taken."""
    if lift is None or not lift.x:
        return None
    points = [(0.0, 0.0), *((x, x * y) for x, y in zip(lift.x, lift.y, strict=True) if x > 0.0)]
    return Curve(x=tuple(x for x, _ in points), y=tuple(y for _, y in points))


def _grey_note(curves: Sequence[ClassCurves]) -> str:
    beyond = sum(curve.name not in MEANS for curve in curves) - MOST_NAMED
    return f"In grey: {beyond:,} rarer class{'' if beyond == 1 else 'es'}." if beyond > 0 else ""


def _absent_note(curves: Sequence[ClassCurves]) -> str:
    absent = [short_name(curve.name) for curve in curves if curve.roc is None and curve.name not in MEANS]
    more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
    needs = "which needs rows of the class and rows of others"
    return f"Without a curve, {needs}: {', '.join(absent[:3])}{more}." if absent else ""


def _first_tenth_note(classes: Sequence[ClassCurves]) -> str:
    """A note on the first tenth of the rows, for a binary label."""
    if len(classes) != 1 or classes[0].lift is None or not classes[0].lift.x:
        return ""
    lift = classes[0].lift
    tenth = float(np.interp(0.1, lift.x, lift.y))
    name = short_name(classes[0].name)
    return f"The tenth of the rows with the highest probabilities holds {0.1 * tenth:.0%} of the rows of {name}."
