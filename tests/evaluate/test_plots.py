"""Plots say what they should: axes, marks and captions; and odd data gives a picture, not an error."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure

from pipeline.evaluate.plots import confusion_matrix, learning_curves, residuals
from pipeline.evaluate.plots.style import compact, short_name
from pipeline.evaluate.report import ConfusionMatrix


def rendered(figure: Figure) -> int:
    """Draw the figure, with every warning an error but those of the font; returns the bytes of its PNG."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="png", dpi=40)
    return len(buffer.getvalue())


def said(figure: Figure) -> str:
    """The caption."""
    return figure._supxlabel.get_text() if figure._supxlabel else ""


def confusion(counts: list[list[int]], names: list[str] | None = None) -> ConfusionMatrix:
    names = names or [f"class {position}" for position in range(len(counts))]
    return ConfusionMatrix(classes=tuple(names), counts=tuple(map(tuple, counts)))


def test_learning_curves_have_a_panel_a_metric() -> None:
    history = {"mae": [3.0, 2.0, 1.0], "loss": [9.0, 4.0, 1.0], "val_loss": [9.0, 5.0, 6.0], "val_mae": [4.0, 3.0, 3.5]}
    figure = learning_curves(history, title="house prices", best_epoch=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "MAE"]
    loss = figure.axes[0]
    assert [list(line.get_ydata()) for line in loss.lines[:2]] == [[9.0, 4.0, 1.0], [9.0, 5.0, 6.0]]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Train", "Validation"]
    assert [text.get_text() for text in loss.texts] == ["5"]
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


def test_confusion_shows_counts_and_shares_of_the_actual_class() -> None:
    figure = confusion_matrix(confusion([[1990, 10], [1, 3]], ["no", "yes"]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["1,990\n>99%", "10\n<1%", "1\n25%", "3\n75%"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["no", "yes"]
    assert said(figure) == "2,004 rows, 1,993 of them right (99.5%)."
    assert rendered(figure)


def test_class_without_rows_is_said() -> None:
    figure = confusion_matrix(confusion([[2, 0, 0], [0, 0, 0], [1, 0, 4]]))
    assert said(figure) == "7 rows, 6 of them right (85.7%). Without a row here: class 1."


@pytest.mark.parametrize("size", [2, 10, 21, 120])
def test_any_number_of_classes_is_drawn(size: int) -> None:
    figure = confusion_matrix(confusion(np.eye(size, dtype=int).tolist()))
    assert len(figure.axes[0].texts) == (size * size if size <= 20 else 0)
    assert rendered(figure)


def test_odd_names_and_no_rows_are_drawn() -> None:
    names = ["$x^2", "a\nb\x00", "日本語", "long " * 20, ""]
    figure = confusion_matrix(confusion(np.zeros((5, 5), int).tolist(), names))
    assert said(figure) == "No rows."
    assert rendered(figure)


def test_residuals_say_what_lies_beyond() -> None:
    label = np.linspace(0.0, 100.0, 2000)
    prediction = label + np.tile([-1.0, 1.0], 1000)
    prediction[:2] = 1e9
    figure = residuals(label, prediction, name="price")
    left, right = figure.axes[:2]
    assert (left.get_xlabel(), left.get_ylabel()) == ("Actual price", "Predicted price")
    assert left.get_xlim() == left.get_ylim()
    assert left.get_xlim()[1] < 200
    assert right.get_xlim()[1] < 200
    assert said(figure) == "2,000 rows. 2 rows lie outside the left plot. 2 rows lie outside the right one."
    assert rendered(figure)


def test_labels_over_orders_of_magnitude_get_logarithmic_axes() -> None:
    label = np.geomspace(1.0, 1e6, 4000)
    figure = residuals(label, label * 1.1, name="price")
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")
    assert rendered(figure)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0, 0.0], [-1e-300, 1e300]])
def test_scant_residuals_are_drawn(values: list[float]) -> None:
    assert rendered(residuals(values, values, name="$y"))


def test_text_is_cut_in_the_middle_and_escaped() -> None:
    assert short_name("a" * 30 + "z", 10) == "aaaaaa…aaz"
    assert short_name("a\nb") == "a\\nb"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.25, "0.25"), (1250.0, "1,250"), (-48_000.0, "-48k"), (1.234e6, "1.23M"), (2e-7, "2.0e-07")],
)
def test_numbers_are_compact(value: float, text: str) -> None:
    assert compact(value) == text
