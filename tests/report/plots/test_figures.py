"""All plots that fit a report, and no others, under names that are safe for files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from pipeline.report.plots.figures import figures_of, safe_name
from pipeline.report.plots.png import png_of
from tests.support.reports import classification_report, regression_report


def names(report) -> list[str]:
    return [name for name, _ in figures_of(report)]


def test_plots_follow_from_the_task() -> None:
    assert names(regression_report(50)) == ["residuals", "slice_1_sqfttotliving", "importance"]
    ranked = ["confusion_matrix", "roc_and_pr", "gain_and_lift", "calibration"]
    assert names(classification_report(200)) == [*ranked, "thresholds", "importance"]
    assert names(classification_report(200, classes=("a", "b", "c"))) == [*ranked, "importance"]


def test_curves_of_one_class_alone_are_left_out() -> None:
    assert "roc_and_pr" not in names(classification_report(50, absent=1))


def test_names_of_columns_are_safe() -> None:
    assert safe_name("../a b/ö") == "a_b"
    assert safe_name("\u65e5") == "column"
    assert len(safe_name("x" * 500)) == 40


def test_png_is_small_and_is_one() -> None:
    (_, draw), *_ = figures_of(regression_report(2000))
    drawn = png_of(draw())
    assert drawn.startswith(b"\x89PNG")
    assert int.from_bytes(drawn[16:20], "big") == int(11.4 * 144)
    assert len(drawn) < 120_000


def test_png_keeps_the_colours_of_thin_lines() -> None:
    report = classification_report(3000, classes=[f"class {place}" for place in range(10)])
    figure = dict(figures_of(report))["roc_and_pr"]()
    true, packed = io.BytesIO(), io.BytesIO(png_of(figure))
    figure.savefig(true, format="png")
    pixels = [np.asarray(Image.open(file).convert("RGB")).astype(int) for file in (true, packed)]
    assert np.abs(pixels[0] - pixels[1]).max() < 30
