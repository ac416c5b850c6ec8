"""Captions fit below their plots."""

from __future__ import annotations

from pipeline.report.plots.style import caption, new_figure
from tests.support.figures import rendered


def test_caption_stays_within_the_figure() -> None:
    figure = new_figure(6.0, 3.0, "title")
    figure.subplots()
    caption(figure, "many words of a long sentence " * 12)
    assert rendered(figure)
    box = figure._supxlabel.get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.bbox.y0
