"""The calibration curve shows bins as they are, and the rows behind them."""

from __future__ import annotations

import pytest

from pipeline.evaluation.report.classification import CalibrationBin, CalibrationReport
from pipeline.report.plots.calibration import calibration_curve
from tests.support.figures import rendered, said, words
from tests.support.reports import classification_report


def test_bins_are_points_above_bars() -> None:
    bins = (
        CalibrationBin(low=0.0, high=0.5, rows=30, predicted=0.2, observed=0.1),
        CalibrationBin(low=0.5, high=1.0, rows=10, predicted=0.7, observed=0.9),
    )
    figure = calibration_curve(CalibrationReport(of="yes", bins=bins, error=0.125, worst=0.2))
    curve, rows = figure.axes
    points = next(line for line in curve.lines if line.get_marker() == "o")
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([0.2, 0.7], [0.1, 0.9])
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in rows.patches] == [
        (0.0, 0.5, 30),
        (0.5, 0.5, 10),
    ]
    assert (curve.get_ylabel(), rows.get_xlabel()) == ("Share that is yes", "Probability of yes")
    assert said(figure).startswith("40 rows. Expected calibration error 12.50%, 20.0% in the worst bin.")
    assert rendered(figure)


def test_intervals_are_wilsons() -> None:
    """Reference: 0 of 10 gives 0 to 0.2775, 5 of 10 gives 0.2366 to 0.7634 (Wilson, 1927)."""
    bins = (
        CalibrationBin(low=0.0, high=0.5, rows=10, predicted=0.2, observed=0.0),
        CalibrationBin(low=0.5, high=1.0, rows=10, predicted=0.7, observed=0.5),
    )
    curve = calibration_curve(CalibrationReport(of="yes", bins=bins)).axes[0]
    wide = next(lines for lines in curve.collections if lines.get_linewidth() == [4.0])
    bounds = [segment[:, 1].tolist() for segment in wide.get_segments()]
    assert bounds[0] == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert bounds[1] == pytest.approx([0.2366, 0.7634], abs=1e-4)


def test_several_classes_are_about_the_predicted_one() -> None:
    figure = calibration_curve(classification_report(200, classes=("a", "b", "c")).calibration)
    assert figure.axes[1].get_xlabel() == "Probability of the predicted class"
    assert rendered(figure)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_few_rows_are_drawn(rows: int) -> None:
    figure = calibration_curve(classification_report(rows).calibration)
    assert words(figure.axes[0]) == ([] if rows else ["no rows"])
    assert rendered(figure)
