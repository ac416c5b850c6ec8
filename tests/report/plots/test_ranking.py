"""ROC, precision-recall, gain and lift: a line a class, with areas, whatever classes there are."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.report.classification import ClassCurves, Curve
from pipeline.report.plots.ranking import gain_and_lift, roc_and_pr
from tests.support.figures import legend, rendered, said, words
from tests.support.reports import classification_report

LINE = Curve(x=(0.0, 1.0), y=(0.0, 1.0))


def test_binary_label_has_one_line_with_its_areas() -> None:
    curve = ClassCurves(name="yes", auc=0.87512, average_precision=0.5, roc=LINE, pr=LINE)
    figure = roc_and_pr([curve], prevalence=0.25)
    left, right = figure.axes
    assert [line.get_gid() for line in left.lines if line.get_gid()] == ["yes"]
    assert legend(right) == ["yes: AUC 0.875, AP 0.500"]
    chance = [line for line in right.lines if not line.get_gid()]
    assert list(chance[0].get_ydata()) == [0.25, 0.25]
    assert rendered(figure)


@pytest.mark.parametrize(("area", "shown"), [(1.0, "1.000"), (0.99999, "0.999990"), (0.9994, "0.999")])
def test_no_area_is_rounded_to_a_perfect_one(area: float, shown: str) -> None:
    figure = roc_and_pr([ClassCurves(name="a", auc=area, roc=LINE, pr=LINE)], prevalence=None)
    assert legend(figure.axes[1]) == [f"a: AUC {shown}"]


def test_ten_classes_are_told_apart_beside_the_plots() -> None:
    report = classification_report(2000, classes=[f"class {place}" for place in range(10)])
    figure = roc_and_pr(report.curves, prevalence=None)
    assert [name.split(":")[0] for name in legend(figure)] == ["micro mean", *(f"class {place}" for place in range(10))]
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == 12
    assert rendered(figure)


def test_classes_beyond_ten_are_grey_and_counted() -> None:
    report = classification_report(2000, classes=[f"class {place}" for place in range(13)])
    figure = roc_and_pr(report.curves, prevalence=None)
    assert len(legend(figure)) == 11
    assert "In grey: 3 rarer classes." in said(figure)


def test_class_without_rows_has_no_line_and_is_named() -> None:
    report = classification_report(300, classes=("a", "b", "c"), absent=2)
    figure = roc_and_pr(report.curves, prevalence=None)
    assert [line.get_gid() for line in figure.axes[0].lines if line.get_gid()] == ["micro", "a", "b"]
    assert said(figure).endswith("Without a curve, which needs rows of the class and rows of others: c.")


def test_nothing_to_draw_says_so() -> None:
    for report in (classification_report(20, absent=1), classification_report(1), classification_report(0)):
        for figure in (roc_and_pr(report.curves, prevalence=None), gain_and_lift(report.curves)):
            assert [words(axes) for axes in figure.axes] == [["not defined for these rows"]] * 2
            assert rendered(figure)


def test_gain_is_lift_times_rows() -> None:
    lift = Curve(x=(0.1, 0.5, 1.0), y=(4.0, 2.0, 1.0))
    figure = gain_and_lift([ClassCurves(name="yes", roc=LINE, lift=lift)])
    left, right = figure.axes
    (gain,) = [line for line in left.lines if line.get_gid()]
    np.testing.assert_allclose(gain.get_xdata(), [0.0, 0.1, 0.5, 1.0])
    np.testing.assert_allclose(gain.get_ydata(), [0.0, 0.4, 1.0, 1.0])
    assert [list(line.get_ydata()) for line in right.lines if line.get_gid()] == [[4.0, 2.0, 1.0]]
    assert said(figure).startswith("The tenth of the rows with the highest probabilities holds 40% of the rows of yes.")
    assert rendered(figure)
