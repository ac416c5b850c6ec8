"""Evaluate: the published model of a configuration on the whole test split."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.contract.label import Task
from pipeline.errors import DataError
from pipeline.evaluate.linear import predict_linear
from pipeline.evaluate.plots.confusion import confusion_matrix
from pipeline.evaluate.plots.residuals import residuals
from pipeline.evaluate.predict import Predictions, PredictJob, predict_split
from pipeline.evaluate.report import EvalReport, report_on
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.progress import Progress
from pipeline.stages.context import StageContext, open_stage, tracked
from pipeline.stages.prepare import find_store
from pipeline.stages.results import EvaluateResult
from pipeline.stages.train import model_id
from pipeline.store.layout import model_place
from pipeline.store.model import PublishedModel, open_model
from pipeline.store.publish import scratch
from pipeline.store.store import Store

SPLIT = "test"


def evaluate(
    config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None
) -> EvaluateResult:
    """Score the model that a configuration's training published; its tracked run is continued.

    Args:
        config: the experiment, as it was trained.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.

    Raises:
        StoreError: the store or the model is missing or was altered.
    """
    workers = config.train.workers
    with open_stage(config, "evaluate", spark=spark, progress=progress, workers=workers) as opened:
        store = find_store(opened)
        model = open_model(model_place(opened.root, config.name, model_id(config, store.manifest.store_id)))
        with tracked(opened, run_id=model.card.run_id) as stage:
            return evaluate_model(stage, store, model)


def evaluate_model(stage: StageContext, store: Store, model: PublishedModel) -> EvaluateResult:
    """The evaluation itself, within an open job."""
    start = time.monotonic()
    if not store.split(SPLIT).rows:
        raise DataError(f"Store {store.place.path} has no test rows. Set split.fractions.test above 0.")
    stage.progress.update("Scoring the test split")
    scored = _predict(stage, model)
    linear = _linear(stage, store)
    report = report_on(
        store.features.label, scored.label, scored.prediction, baseline=None if linear is None else linear.prediction
    )
    stage.progress.done(f"Scored {report.rows:,} test rows")
    _log(stage, store, report, scored)
    return EvaluateResult(
        rows=report.rows,
        metrics=report.metrics,
        baseline=report.baselines.get("linear", {}),
        confusion=report.confusion.counts if report.confusion else None,
        classes=store.features.label.classes,
        seconds=time.monotonic() - start,
        run_id=stage.tracker.run_id,
    )


def _predict(stage: StageContext, model: PublishedModel) -> Predictions:
    with scratch(stage.root) as work, cancelling(stage.spark):
        job = PredictJob(
            root=stage.root.uri,
            name=stage.config.name,
            store_id=model.card.store_id,
            model=model.file.uri,
            sha256=model.card.sha256,
            split=SPLIT,
            scratch=work.uri,
        )
        return predict_split(stage.spark, stage.config.train.workers, job)


def _linear(stage: StageContext, store: Store) -> Predictions | None:
    config = stage.config.evaluate
    if config.baseline == "none":
        return None
    stage.progress.update("Fitting the linear baseline")
    return predict_linear(store, SPLIT, fit_rows=config.baseline_rows)


def _log(stage: StageContext, store: Store, report: EvalReport, scored: Predictions) -> None:
    named = {f"test/{name}": value for name, value in report.metrics.items()}
    named |= {f"test_linear/{name}": value for name, value in report.baselines.get("linear", {}).items()}
    stage.tracker.log_metrics({name: value for name, value in named.items() if value is not None})
    stage.tracker.log_text(report.to_json(), "evaluation.json")
    stage.tracker.describe(report.to_markdown())
    title = f"{stage.config.name}: test split"
    if report.task is Task.REGRESSION:
        figure = residuals(scored.label, scored.prediction, name=store.features.label.name, title=title)
        stage.tracker.log_figure(figure, "plots/residuals.png")
    elif report.confusion is not None:
        stage.tracker.log_figure(confusion_matrix(report.confusion, title=title), "plots/confusion_matrix.png")
