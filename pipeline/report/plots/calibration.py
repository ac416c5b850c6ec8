"""How predicted probabilities compare with observed shares, and how many rows are behind each."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.evaluation.report.classification import CalibrationReport
from pipeline.formatting import counted
from pipeline.report.plots.style import (
    BLUE,
    MUTED,
    ORANGE,
    caption,
    compact_ticks,
    new_figure,
    shares,
    style_axes,
    without_data,
)
from pipeline.report.text import short_name

Floats = NDArray[np.float64]
Z_95 = 1.96
"""Standard errors on either side of a 95 % interval."""


def calibration_curve(report: CalibrationReport, *, title: str = "Calibration") -> Figure:
    """The observed share of each bin over its mean probability, with 95 % intervals, above the rows of each bin."""
    figure = new_figure(5.8, 5.8, title)
    curve, rows = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    of = short_name(report.of)
    style_axes(curve, "", "", f"Share that is {of}" if of else "Share that is right")
    style_axes(rows, "", f"Probability of {of}" if of else "Probability of the predicted class", "Rows")
    if not report.bins:
        without_data(curve, "no rows")
        without_data(rows, "no rows")
        return figure
    predicted = np.array([bin.predicted for bin in report.bins])
    observed = np.array([bin.observed for bin in report.bins])
    counts = np.array([bin.rows for bin in report.bins], dtype=np.float64)
    shares(curve)
    curve.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (2, 3)))
    curve.vlines(predicted, predicted, observed, color=ORANGE, linewidth=1.0)
    curve.vlines(predicted, *_interval(observed, counts), color=BLUE, alpha=0.35, linewidth=4.0)
    curve.plot(predicted, observed, color=BLUE, linewidth=1.8, marker="o", markersize=5)
    curve.tick_params(labelbottom=False)
    lows, highs = np.array([bin.low for bin in report.bins]), np.array([bin.high for bin in report.bins])
    rows.bar(lows, counts, width=highs - lows, align="edge", color=BLUE, alpha=0.85, edgecolor="white", linewidth=0.6)
    if counts.max() > 100 * counts.min():
        rows.set_yscale("log")
    else:
        rows.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, min_n_ticks=1))
    compact_ticks(rows, x=False)
    drawn = "Dotted: as predicted. Orange: the distance to that. Light blue: 95 % intervals."
    caption(figure, f"{counted(int(counts.sum()), 'row')}.", _error_note(report), drawn)
    return figure


def _interval(share: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Wilson's score interval, which is wide for few rows even if all of them agree."""
    z = Z_95**2 / rows
    centre = (share + z / 2) / (1 + z)
    half = np.sqrt(z * share * (1.0 - share) + z**2 / 4) / (1 + z)
    return centre - half, centre + half


def _error_note(report: CalibrationReport) -> str:
    if report.error is None:
        return ""
    worst = "" if report.worst is None else f", {report.worst:.1%} in the worst bin"
    return f"Expected calibration error {report.error:.2%}{worst}."
