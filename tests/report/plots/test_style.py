"""Text and numbers of plots are short, and shown as they are."""

from __future__ import annotations

import pytest

from pipeline.report.plots.style import caption, compact, new_figure, short_name
from tests.support.figures import rendered


def test_text_is_cut_in_the_middle_and_escaped() -> None:
    assert short_name("a" * 30 + "z", 10) == "aaaaaa…aaz"
    assert short_name("a\nb") == "a\\nb"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.25, "0.25"), (1250.0, "1,250"), (-48_000.0, "-48k"), (1.234e6, "1.23M"), (2e-7, "2.0e-07")],
)
def test_numbers_are_compact(value: float, text: str) -> None:
    assert compact(value) == text


def test_caption_stays_within_the_figure() -> None:
    figure = new_figure(6.0, 3.0, "title")
    figure.subplots()
    caption(figure, "many words of a long sentence " * 12)
    assert rendered(figure)
    box = figure._supxlabel.get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.bbox.y0
