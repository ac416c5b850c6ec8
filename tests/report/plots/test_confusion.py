"""The confusion matrix says counts and shares, and odd data gives a picture, not an error."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.report.classification import ConfusionMatrix
from pipeline.report.plots.confusion import confusion_matrix
from tests.support.figures import rendered, said


def confusion(counts: list[list[int]], names: list[str] | None = None) -> ConfusionMatrix:
    names = names or [f"class {position}" for position in range(len(counts))]
    return ConfusionMatrix(classes=tuple(names), counts=tuple(map(tuple, counts)))


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
