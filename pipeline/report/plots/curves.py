"""Learning curves: how each metric went, epoch by epoch, on training and validation rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pipeline.evaluation.finding import Finding
from pipeline.formatting import compact, counted
from pipeline.report.plots.style import (
    BLUE,
    MUTED,
    ORANGE,
    WIDE_RANGE,
    caption,
    compact_ticks,
    new_figure,
    plain,
    style_axes,
)

History = Mapping[str, Sequence[float | None]]
"""Values by epoch, keyed as Keras does: `loss` and `mae` of training rows, `val_loss` and `val_mae` of validation."""

PREFIXES = {"train": "", "validation": "val_"}
COLOURS = {"train": BLUE, "validation": ORANGE}
TITLES = {"loss": "Loss", "mae": "MAE", "mse": "MSE", "rmse": "RMSE", "r2": "R²", "auc": "AUC"}
COLUMNS = 3


def learning_curves(
    history: History,
    *,
    title: str = "Learning curves",
    best_epoch: int | None = None,
    findings: Sequence[Finding] = (),
) -> Figure:
    """One panel per metric, the loss first.

    Args:
        history: one value per epoch, from epoch 1; None and values that are not finite leave gaps.
        title: title of the figure.
        best_epoch: the epoch whose weights are kept, counted from 1.
        findings: findings about the curves, shown below them.
    """
    names = metric_names(history)
    epochs = max((len(values) for values in history.values()), default=0)
    columns = max(1, min(COLUMNS, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    figure = new_figure(max(6.4, 4.4 * columns), 0.9 + 3.3 * rows, title)
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, name, history, best_epoch)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    _legend(figure, history)
    said = [finding.sentence for finding in findings]
    caption(figure, _epochs_note(epochs, best_epoch), _gaps_note(history), *said)
    return figure


def metric_names(history: History) -> list[str]:
    """The metrics in `history`, each once: the loss first, the others in their order."""
    names = dict.fromkeys(key.removeprefix("val_") for key in history)
    return sorted(names, key=lambda name: name != "loss")


def _panel(axes: Axes, name: str, history: History, best_epoch: int | None) -> None:
    heading = TITLES.get(name, name.replace("_", " ").capitalize())
    style_axes(axes, heading, "Epoch", "")
    shown = [values for split in COLOURS if (values := _values(history, split, name)).size]
    for split, colour in COLOURS.items():
        values = _values(history, split, name)
        marker = "o" if values.size <= 40 else ""
        axes.plot(np.arange(1, values.size + 1), values, color=colour, linewidth=1.8, marker=marker, markersize=3.5)
    _scale(axes, np.concatenate(shown) if shown else np.empty(0))
    if best_epoch is not None:
        _mark_best(axes, best_epoch, _values(history, "validation", name))


def _values(history: History, split: str, name: str) -> NDArray[np.float64]:
    values = np.array(history.get(PREFIXES[split] + name, ()), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _scale(axes: Axes, values: NDArray[np.float64]) -> None:
    finite = values[~np.isnan(values)]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, max(1.5, axes.dataLim.x1 + 0.5))
    if not finite.size:
        plain(axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=MUTED))
        return
    if finite.min() > 0 and finite.max() / finite.min() > WIDE_RANGE:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    compact_ticks(axes, x=False)


def _mark_best(axes: Axes, best_epoch: int, validation: NDArray[np.float64]) -> None:
    axes.axvline(best_epoch, color=MUTED, linewidth=1.0, linestyle=(0, (2, 3)), zorder=1)
    if not 1 <= best_epoch <= validation.size or math.isnan(validation[best_epoch - 1]):
        return
    value = float(validation[best_epoch - 1])
    axes.plot([best_epoch], [value], marker="o", markersize=8, markerfacecolor="none", markeredgecolor=ORANGE)
    # Above the panel, where it covers no line.
    plain(axes.set_title(f"{compact(value)} at epoch {best_epoch}", loc="right", fontsize=9, color=ORANGE, pad=8))


def _legend(figure: Figure, history: History) -> None:
    splits = [split for split in COLOURS if any((split == "train") != key.startswith("val_") for key in history)]
    lines = [Line2D([], [], color=COLOURS[split], linewidth=2.2) for split in splits]
    figure.legend(
        lines, [split.capitalize() for split in splits], loc="upper right", ncols=2, frameon=False, fontsize=10
    )


def _epochs_note(epochs: int, best_epoch: int | None) -> str:
    count = f"{counted(epochs, 'epoch')}."
    return f"{count} The dotted line is epoch {best_epoch}, whose weights are kept." if best_epoch else count


def _gaps_note(history: History) -> str:
    gaps = sum(int((~np.isfinite(np.array(values, dtype=np.float64))).sum()) for values in history.values())
    return f"Left out: {counted(gaps, 'value')} that {'is' if gaps == 1 else 'are'} not finite." if gaps else ""
