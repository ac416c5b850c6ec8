"""A report holds what fits its task, and survives its way through JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.contract.label import LabelSpec, Task
from pipeline.evaluate.report import ConfusionMatrix, EvalReport, report_on

BINARY = LabelSpec(name="y", task=Task.BINARY, classes=("no", "yes"))


def test_regression_has_no_confusion() -> None:
    report = report_on(LabelSpec(name="y", task=Task.REGRESSION), [1.0, 3.0], [1.0, 2.0], baseline=[3.0, 3.0])
    assert (report.rows, report.confusion) == (2, None)
    assert (report.metrics["mae"], report.baselines["linear"]["mae"]) == (0.5, 1.0)


def test_classification_names_its_classes() -> None:
    report = report_on(BINARY, [0, 1, 1], [0.1, 0.9, 0.2])
    assert report.confusion == ConfusionMatrix(classes=("no", "yes"), counts=((1, 0), (1, 1)))
    assert report.baselines == {}


def test_undefined_metrics_are_null_at_rest() -> None:
    report = report_on(BINARY, [1], [0.9])
    assert '"auc": null' in report.to_json()
    assert EvalReport.from_json(report.to_json(), "evaluation.json") == report


def test_confusion_must_be_square() -> None:
    with pytest.raises(ValidationError, match="2 classes has 2 rows of 2 counts"):
        ConfusionMatrix(classes=("no", "yes"), counts=((1, 2),))


def test_table_sets_the_linear_model_beside_the_network() -> None:
    report = EvalReport(
        task=Task.REGRESSION,
        rows=2000,
        metrics={"mae": 67890.12, "r2": 0.8},
        baselines={"linear": {"mae": 98765.4, "r2": None}},
    )
    assert report.to_markdown() == (
        "2,000 rows\n\n| metric | network | linear model |\n| --- | --- | --- |\n"
        "| mae | 67,890 | 98,765 |\n| r2 | 0.8 | undefined |\n"
    )
    alone = EvalReport(task=Task.REGRESSION, rows=1, metrics={"mae": 1.5})
    assert alone.to_markdown() == "1 row\n\n| metric | network |\n| --- | --- |\n| mae | 1.5 |\n"
