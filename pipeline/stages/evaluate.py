"""Evaluate: the published model of a configuration on the whole test split."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.errors import DataError
from pipeline.evaluate.assemble import assemble, with_values
from pipeline.evaluate.linear import fit_baselines
from pipeline.evaluate.predict import LINEAR_FILE, PredictJob, predict_split, prediction_schema, window_of_rows
from pipeline.evaluate.report import EvalReport
from pipeline.evaluate.slices import slice_rows
from pipeline.evaluate.source_rows import SourceRows
from pipeline.evaluate.tally import Measure
from pipeline.preparation.reading.part_files import read_parts
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.stages.context import StageContext, open_stage, tracked
from pipeline.stages.prepare import find_store, recipe_of
from pipeline.stages.register import register_model
from pipeline.stages.report import log_report
from pipeline.stages.results import EvaluateResult
from pipeline.stages.train import model_id
from pipeline.store import filesystem as files
from pipeline.store.bundle import add_test
from pipeline.store.filesystem import Root
from pipeline.store.layout import model_place
from pipeline.store.model import PublishedModel, open_model
from pipeline.store.publish import scratch
from pipeline.store.store import Store

log = logging.getLogger(__name__)

SPLIT, PREDICTIONS = "test", "predictions"


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
    with scratch(stage.root) as work, cancelling(stage.spark):
        job = _job(stage, store, model, work)
        stage.progress.update("Scoring the test split")
        scored = predict_split(stage.spark, stage.config.train.workers, job, store)
        report = assemble(store.features.label, job, scored, further=stage.config.evaluate.metrics)
        report = _with_source(stage, store, report, work.within(PREDICTIONS))
    stage.progress.done(f"Scored {report.rows:,} test rows")
    add_test(model, rows=report.rows, metrics=report.metrics, intervals=report.intervals)
    _log(stage, report)
    log_report(stage, store, model, report)
    register_model(stage, model, report)
    return EvaluateResult(
        rows=report.rows,
        metrics=report.metrics,
        intervals=report.intervals,
        baselines=report.baselines,
        confusion=report.confusion.counts if report.confusion else None,
        classes=store.features.label.classes,
        seconds=time.monotonic() - start,
        run_id=stage.tracker.run_id,
    )


def _job(stage: StageContext, store: Store, model: PublishedModel, work: Root) -> PredictJob:
    """The work of every rank; the linear baseline is fitted here and laid beside it."""
    config = stage.config.evaluate
    stage.progress.update("Fitting the baselines")
    simple = fit_baselines(store, linear=config.baseline == "linear", rows=config.baseline_rows)
    if simple.linear is not None:
        files.write_bytes(work.within(LINEAR_FILE), simple.linear.to_bytes())
    window = window_of_rows(store, SPLIT)
    return PredictJob(
        root=stage.root.uri,
        name=stage.config.name,
        store_id=model.card.store_id,
        model=model.file.uri,
        sha256=model.card.sha256,
        split=SPLIT,
        scratch=work.uri,
        decision=model.card.decision,
        edges=tuple(window.edges.tolist()),
        log=window.log,
        constant=simple.constant,
        linear=simple.linear is not None,
        predictions=work.within(PREDICTIONS).uri if config.slices else None,
        importance_rows=config.importance_rows,
        seed=stage.config.seed,
    )


def _with_source(stage: StageContext, store: Store, report: EvalReport, predictions: Root) -> EvalReport:
    """The report with what only the source knows: values of single rows, and slices."""
    recipe, source = recipe_of(stage)
    if source.fingerprint != store.manifest.source:
        return _noted(report, f"Source '{source.location}' changed since the store was made: no slices, no raw rows")
    label = store.features.label
    rows = SourceRows(stage.spark, recipe, source, label, SPLIT)
    with watch_spark(stage.spark, stage.progress, "Looking at single rows"):
        ids = [row.row_id for row in (*report.extremes.worst, *report.extremes.best)]
        report = report.model_copy(update={"extremes": with_values(label, report.extremes, rows.raw(ids))})
    if not stage.config.evaluate.slices:
        return report
    with watch_spark(stage.spark, stage.progress, "Measuring slices"):
        return _with_slices(stage, rows, report, predictions)


def _with_slices(stage: StageContext, rows: SourceRows, report: EvalReport, predictions: Root) -> EvalReport:
    """The model is trained and measured: a slice that is misspelt is told, and costs no more than itself."""
    values = rows.values(stage.config.evaluate.slices)
    for problem in values.problems:
        report = _noted(report, problem)
    if not values.by:
        return report
    what = Measure.of(rows.label, decision=report.decision, groups=1)
    found = read_parts(stage.spark, predictions, prediction_schema(rows.label.outputs))
    return report.model_copy(update={"slices": slice_rows(found, values, what)})


def _noted(report: EvalReport, note: str) -> EvalReport:
    log.warning("%s", note)
    return report.model_copy(update={"notes": (*report.notes, note)})


def _log(stage: StageContext, report: EvalReport) -> None:
    named = {f"{SPLIT}/{name}": value for name, value in report.metrics.items()}
    for baseline, metrics in report.baselines.items():
        # All of them are in evaluation.json; here they would hide the training from those who compare runs.
        named |= {f"{SPLIT}_{baseline}/{name}": metrics.get(name) for name in report.target.headlines}
    stage.tracker.log_metrics({name: value for name, value in named.items() if value is not None})
    stage.tracker.log_text(report.to_json(), "evaluation.json")
