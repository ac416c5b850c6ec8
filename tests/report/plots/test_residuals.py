"""Residual plots are drawn from histograms, and say what lies beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.report.regression import Counts, Grid, RegressionReport
from pipeline.report.plots.residuals import residual_plots
from tests.support.figures import legend, rendered, said, words
from tests.support.reports import regression_report


def grid(counts: list[list[int]], *, outside: int = 0) -> Grid:
    edges = tuple(float(edge) for edge in range(len(counts) + 1))
    return Grid(x_edges=edges, y_edges=edges, counts=tuple(map(tuple, counts)), outside=outside)


def test_panels_show_the_cells_the_bars_and_the_reach() -> None:
    report = RegressionReport(
        quantiles={"0.5": -2.0},
        absolute_quantiles={"0.5": 3.0, "0.9": 9.0},
        errors=Counts(edges=(-10.0, 0.0, 10.0), counts=(3, 1), below=2),
        predicted_over_actual=grid([[3, 0], [0, 1]], outside=1),
        error_over_predicted=grid([[3, 0], [0, 1]]),
    )
    figure = residual_plots(report, rows=5, name="price")
    scatter, errors, spread, reach = figure.axes[:4]
    assert (scatter.get_xlabel(), scatter.get_ylabel()) == ("Actual price", "Predicted price")
    shades = scatter.collections[0].get_array()
    assert np.ma.filled(shades.astype(float), 0.0).tolist() == [[3.0, 0.0], [0.0, 1.0]]
    assert [bar.get_height() for bar in errors.patches] == [3, 1]
    assert legend(errors) == ["median -2"]
    assert spread.get_ylabel() == "Predicted minus actual"
    assert words(reach) == ["50% within 3", "90% within 9"]
    assert said(figure) == (
        "5 rows. 1 row lies outside the first plot. 2 rows lie in the outermost bars of the second, which lie beyond."
    )
    assert rendered(figure)


def test_fine_bins_are_put_together_and_none_is_lost() -> None:
    counts = tuple(range(1000))
    report = RegressionReport(errors=Counts(edges=tuple(map(float, range(1001))), counts=counts))
    bars = residual_plots(report, rows=sum(counts), name="y").axes[1].patches
    assert 11 <= len(bars) <= 61
    assert sum(bar.get_height() for bar in bars) == sum(counts)


def test_line_of_medians_follows_the_columns() -> None:
    counts = np.zeros((10, 4), int)
    counts[2, 0], counts[7, 1], counts[5, 2] = 100, 100, 3
    report = RegressionReport(
        error_over_predicted=Grid(
            x_edges=(0.0, 1.0, 2.0, 3.0, 4.0),
            y_edges=tuple(map(float, range(11))),
            counts=tuple(map(tuple, counts.tolist())),
        )
    )
    axes = residual_plots(report, rows=203, name="y").axes[2]
    (line,) = [line for line in axes.lines if line.get_label() == "median error"]
    # The third column has too few rows to tell a median.
    assert line.get_xdata().tolist() == [0.5, 1.5]
    assert line.get_ydata().tolist() == [2.5, 7.5]


def test_labels_over_orders_of_magnitude_get_logarithmic_axes() -> None:
    axes = residual_plots(regression_report(3000).regression, rows=3000, name="price").axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    narrow = residual_plots(regression_report(1).regression, rows=1, name="price").axes[0]
    assert narrow.get_xscale() == "linear"


@pytest.mark.parametrize("rows", [0, 1, 2, 500])
def test_any_number_of_rows_is_drawn(rows: int) -> None:
    figure = residual_plots(regression_report(rows).regression, rows=rows, name="$y")
    assert words(figure.axes[0]) == ([] if rows else ["no rows"])
    assert rendered(figure)
