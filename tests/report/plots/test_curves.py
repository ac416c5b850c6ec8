"""Learning curves have a panel a metric, and say what they show."""

from __future__ import annotations

import pytest

from pipeline.evaluation.diagnosis import diagnose
from pipeline.evaluation.loss_curves import loss_curves
from pipeline.report.plots.curves import learning_curves
from tests.support.figures import rendered, said


def test_learning_curves_have_a_panel_a_metric() -> None:
    history = {"mae": [3.0, 2.0, 1.0], "loss": [9.0, 4.0, 1.0], "val_loss": [9.0, 5.0, 6.0], "val_mae": [4.0, 3.0, 3.5]}
    figure = learning_curves(history, title="house prices", best_epoch=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "MAE"]
    loss = figure.axes[0]
    assert [list(line.get_ydata()) for line in loss.lines[:2]] == [[9.0, 4.0, 1.0], [9.0, 5.0, 6.0]]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Train", "Validation"]
    assert loss.get_title(loc="right") == "5 at epoch 2"
    assert said(figure) == "3 epochs. The dotted line is epoch 2, whose weights are kept."
    assert rendered(figure)


def test_ticks_of_epochs_are_integers() -> None:
    figure = learning_curves({"loss": [2.0, 1.0]})
    rendered(figure)
    ticks = figure.axes[0].get_xticks()
    assert (ticks == ticks.astype(int)).all()


def test_diverged_curve_has_gaps_and_says_so() -> None:
    figure = learning_curves({"loss": [1e6, 10.0, 1.0, float("nan"), None], "val_loss": [float("inf")] * 5})
    assert figure.axes[0].get_yscale() == "log"
    assert "Left out: 7 values that are not finite." in said(figure)
    assert rendered(figure)


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": [1.0]}, {"loss": [None]}, {"val_auc": [0.0, 0.5]}])
def test_scant_histories_are_drawn(history: dict[str, list[float | None]]) -> None:
    assert rendered(learning_curves(history, best_epoch=1))


def test_diagnosis_stands_below_the_curves() -> None:
    history = {"loss": [1.0, 0.6, 0.4, 0.3, 0.2, 0.1], "val_loss": [0.9, 0.7, 0.6, 0.8, 0.9, 0.9]}
    findings = diagnose(loss_curves(history, best=3, planned=6))
    figure = learning_curves(history, best_epoch=3, findings=findings)
    assert said(figure).endswith(findings[0].sentence)
    assert findings[0].sentence.startswith("Overfitting. After epoch 3")
    assert rendered(figure)
