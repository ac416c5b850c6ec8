"""The page of a run: one file without scripts, which shows data and never obeys it, whatever the model is worth."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.report.slices import SliceReport, SliceValue
from pipeline.report.evaluation_page import evaluation_page
from pipeline.report.plots.figures import figures_of
from pipeline.report.plots.png import png_of
from pipeline.schemas.decision import Calibration, DecisionRule
from tests.support.reports import classification_report, regression_report, subject

VOID = {"meta", "img", "line", "rect", "path", "br"}


class Outline(HTMLParser):
    """Tags that are open, headings, links and every address of a document; a tag closed wrongly is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.headings: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = dict(attrs)
        self.links += [named["href"] or ""] if "href" in named else []
        self.sources += [named["src"] or ""] if "src" in named else []
        if "id" in named:
            self.anchors.add(f"#{named['id']}")
        assert not [name for name in named if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if self.open and self.open[-1] not in ("style", "title"):
            self.words += data


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert found.open == []
    return found


def drawn(report: EvalReport) -> Outline:
    pictures = {name: png_of(draw(), dpi=30) for name, draw in figures_of(report)}
    return outline(evaluation_page(subject(report, pictures=pictures)))


@pytest.fixture(scope="module")
def prices() -> Outline:
    """A page of a regression."""
    return drawn(regression_report(500))


def test_sections_stand_in_order_and_can_be_gone_to(prices: Outline) -> None:
    assert prices.headings == [
        "Data", "Training", "Errors", "Slices", "Importance", "Single rows", "All figures", "Origin",
    ]  # fmt: skip
    assert set(prices.links) == prices.anchors


def test_page_needs_nothing_from_elsewhere(prices: Outline) -> None:
    assert prices.tags.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    assert prices.sources
    assert all(source.startswith("data:image/png;base64,") for source in prices.sources)
    page = evaluation_page(subject(regression_report(5)))
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in page
    assert not re.search(r"https?://|url\(|@import", page)


def test_top_has_the_verdict_and_the_main_figures_beside_the_simple_models(prices: Outline) -> None:
    assert "Better than a linear model on the same features: RMSE" in prices.words
    assert "linear model 120,000" in prices.words
    assert "95 %:" in prices.words


def test_training_data_and_origin_are_told(prices: Outline) -> None:
    for words in (
        "Still improving.",
        "25,000",
        "16,000",
        "SalePrice is null",
        "'Price' tells all.",
        "The leak audit ran 2 checks; 1 of them found nothing.",
        "name: house_prices",
        "SHA-256 aaaa",
        "keras 3.15.1, tensorflow 2.21.0",
    ):
        assert words in prices.words


def test_values_of_single_rows_are_shown_and_never_obeyed() -> None:
    page = evaluation_page(subject(regression_report(20)))
    assert "<b>code" not in page
    assert "Zip &lt;b&gt;code&lt;/b&gt;" in page
    words = outline(page).words
    assert "null" in words
    assert "a very long text a very lon…" in words


def test_hostile_names_are_text_everywhere() -> None:
    evil = "<script>alert({{ 7 * 7 }})</script>"
    report = classification_report(60, classes=(evil, '"><img src=x onerror=y>'))
    part = SliceReport(by=evil, values=(SliceValue(value=evil, rows=60, metrics={"log_loss": 0.3}),))
    page = evaluation_page(subject(report.model_copy(update={"slices": (part,), "label": evil}), name=evil))
    found = outline(page)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert "alert({{ 7 * 7 }})" in found.words, "data is no template"


def test_two_classes_have_curves_and_a_decision_in_words() -> None:
    report = classification_report(400)
    found = drawn(report)
    assert found.headings[2:4] == ["Classes", "Probabilities"]
    assert len(found.sources) == 5
    assert (
        "A row is classified as yes from a probability of 0.41, chosen on validation rows (the highest F1)."
        in found.words
    )
    decision = DecisionRule(calibration=Calibration(kind="platt"), rows=1000)
    calibrated = evaluation_page(subject(report.model_copy(update={"decision": decision})))
    assert "Probabilities are calibrated (platt) on 1,000 validation rows." in calibrated
    assert "from a probability of 0.5, as configured." in calibrated


def test_one_class_alone_is_said_and_drawn_without_curves() -> None:
    found = drawn(classification_report(40, absent=1))
    assert "All rows are of one class, no, so nothing can be said about telling classes apart." in found.words
    assert "ROC, precision-recall and gain curves need rows of more than one class." in found.words


def test_many_classes_are_counted_beyond_a_bound() -> None:
    report = classification_report(900, classes=[f"class {place}" for place in range(70)])
    assert "and 10 more classes, in evaluation.json" in outline(evaluation_page(subject(report))).words


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows_make_a_page(rows: int) -> None:
    found = drawn(regression_report(rows))
    assert ("No rows were scored" in found.words) == (rows == 0)


def test_model_without_history_has_no_section_of_training() -> None:
    bare = replace(subject(regression_report(10)), history=None, audit=None, findings=())
    assert "Training" not in outline(evaluation_page(bare)).headings


def test_page_stays_small() -> None:
    report = classification_report(5000, classes=[f"class {place}" for place in range(10)])
    pictures = {name: png_of(draw()) for name, draw in figures_of(report)}
    assert len(evaluation_page(subject(report, pictures=pictures))) < 700_000
