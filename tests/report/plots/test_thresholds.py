"""The threshold sweep marks the threshold that was chosen, and says why."""

from __future__ import annotations

import pytest

from pipeline.evaluation.report.classification import ThresholdRow
from pipeline.report.plots.thresholds import threshold_sweep
from pipeline.schemas.decision import DecisionRule
from tests.support.figures import legend, rendered, said, words
from tests.support.reports import classification_report


def test_chosen_threshold_is_marked() -> None:
    report = classification_report(400)
    figure = threshold_sweep(report.thresholds, decision=report.decision, positive="yes")
    (axes,) = figure.axes
    marks = [line for line in axes.lines if line.get_label() == "The threshold, 0.41"]
    assert [list(line.get_xdata()) for line in marks] == [[0.41, 0.41]]
    assert legend(axes)[:3] == ["Precision", "Recall", "F1"]
    assert said(figure) == "Chosen on validation rows (the highest F1)."
    assert rendered(figure)


def test_threshold_of_the_configuration_says_so() -> None:
    figure = threshold_sweep(classification_report(50).thresholds, decision=DecisionRule(), positive="yes")
    assert said(figure).startswith("As configured")


@pytest.mark.parametrize("rows", [0, 1])
def test_undefined_shares_leave_gaps(rows: int) -> None:
    report = classification_report(rows, absent=1)
    figure = threshold_sweep(report.thresholds, decision=report.decision, positive="$yes")
    assert words(figure.axes[0]) == ([] if rows else ["no rows"])
    assert rendered(figure)


def test_recall_stands_at_its_thresholds() -> None:
    rows = [
        ThresholdRow(threshold=0.0, true_positives=2, false_positives=2, recall=1.0, accuracy=0.5),
        ThresholdRow(threshold=1.0, true_positives=0, false_positives=0, recall=0.0, accuracy=0.5),
    ]
    axes = threshold_sweep(rows, decision=DecisionRule(), positive="yes").axes[0]
    (recall,) = [line for line in axes.lines if line.get_label() == "Recall"]
    assert (list(recall.get_xdata()), list(recall.get_ydata())) == ([0.0, 1.0], [1.0, 0.0])
