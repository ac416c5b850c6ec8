"""Drawing what was found never costs what was found."""

from __future__ import annotations

import logging

import pytest
from matplotlib.figure import Figure

from pipeline.stages.report import draw_png


def test_plot_that_cannot_be_drawn_is_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Figure:
        raise OverflowError("too many ticks")

    with caplog.at_level(logging.WARNING):
        assert draw_png("residuals", broken) is None
    assert "The plot residuals could not be drawn; its figures are in evaluation.json." in caplog.text
    assert "too many ticks" in caplog.text


def test_plot_that_can_be_drawn_is_a_png() -> None:
    png = draw_png("empty", Figure)
    assert png is not None
    assert png.startswith(b"\x89PNG")
