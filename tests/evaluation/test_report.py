"""A report holds what fits its task, and survives its way through JSON."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.assemble import assemble
from pipeline.evaluation.extremes_report import with_values
from pipeline.evaluation.predict import Scored
from pipeline.evaluation.predict_job import PredictJob
from pipeline.evaluation.report.classification import ConfusionMatrix
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.schemas.label import LabelSpec

BINARY = LabelSpec(name="y", task="binary", classes=("no", "yes"))


def scored(label: LabelSpec, actual: list[float], predicted: list[float]) -> EvalReport:
    """The report of some rows, and of a baseline that always predicts 0.5."""
    what = AccumulatorSpec.of(label)
    rows = np.arange(len(actual))
    accumulators = {
        "network": what.accumulate(rows, actual, predicted),
        "linear": what.accumulate(rows, actual, [0.5] * len(rows)),
    }
    job = PredictJob(root="", name="", store_id="", model="", sha256="", split="test", scratch="")
    return assemble(label, job, Scored(accumulators, ()))


def test_regression_has_no_classes() -> None:
    report = scored(LabelSpec(name="y", task="regression"), [1.0, 3.0], [1.0, 2.0])
    assert (report.rows, report.confusion, report.curves, report.importance) == (2, None, (), None)
    assert (report.metrics["mae"], report.baselines["linear"]["mae"]) == (0.5, 1.5)
    assert (report.regression.lowest, report.regression.highest_predicted) == (1.0, 2.0)


def test_classification_names_its_classes() -> None:
    report = scored(BINARY, [0, 1, 1], [0.1, 0.9, 0.2])
    assert report.confusion == ConfusionMatrix(classes=("no", "yes"), counts=((1, 0), (1, 1)))
    assert [one.name for one in report.classes] == ["no", "yes"]
    assert (report.regression, report.curves[0].name) == (None, "yes")


def test_report_survives_json_and_undefined_metrics_are_null() -> None:
    report = scored(BINARY, [1], [0.9])
    assert '"auc": null' in report.to_json()
    assert EvalReport.from_json(report.to_json(), "evaluation.json") == report


def test_extreme_rows_get_their_values_by_id_and_label() -> None:
    report = scored(BINARY, [0, 1], [0.1, 0.2])
    extremes = with_values(BINARY, report.extremes, {(1, 1.0): {"a": "x", "b": None}, (1, 0.0): {"a": "other"}})
    assert [(row.row_id, dict(row.values)) for row in extremes.worst] == [(1, {"a": "x", "b": None}), (0, {})]


def test_size_does_not_grow_with_rows() -> None:
    generator = np.random.default_rng(0)
    label = generator.normal(size=200_000)
    few, many = (
        len(scored(LabelSpec(name="y", task="regression"), label[:n], label[:n] + label[::-1][:n]).to_json())
        for n in (20_000, 200_000)
    )
    assert many < 1.3 * few < 300_000


def test_confusion_must_be_square() -> None:
    with pytest.raises(ValidationError, match="2 classes has 2 rows of 2 counts"):
        ConfusionMatrix(classes=("no", "yes"), counts=((1, 2),))
