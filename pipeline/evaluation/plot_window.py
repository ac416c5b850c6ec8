"""The part of an axis of labels that plots show, in bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PlotWindow:
    """The part of an axis of labels that plots show, in bins.

    Attributes:
        edges: edges of the bins, ascending.
        log: whether the edges have equal ratios, for a logarithmic axis.
    """

    edges: Floats
    log: bool = False

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def bins_of(self, values: Floats) -> Ints:
        """The bin of each value, [n]; `bins` for values outside. The last bin includes its upper edge."""
        bins = np.searchsorted(self.edges, values, side="right") - 1
        bins[values == self.edges[-1]] = self.bins - 1
        return np.where((bins < 0) | (bins >= self.bins), self.bins, bins)


def plot_window_of(labels: Floats, bins: int = 60) -> PlotWindow:
    """The window that holds all but the outermost labels, with a margin; labels that span orders of magnitude get bins
    with equal ratios."""
    if not len(labels):
        return PlotWindow(np.linspace(-1.0, 1.0, bins + 1))
    low, high = np.quantile(labels, [0.005, 0.995])
    if labels.min() > 0 and high > 20.0 * low:
        return PlotWindow(np.geomspace(labels.min() / 1.15, labels.max() * 1.15, bins + 1), True)
    low, high = np.quantile(labels, [0.001, 0.999])
    margin = 0.05 * (high - low) or max(1.0, abs(high)) * 0.05
    return PlotWindow(np.linspace(low - margin, high + margin, bins + 1))
