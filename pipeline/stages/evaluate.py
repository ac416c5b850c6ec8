"""Evaluate: the published model of a configuration on the whole test split."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from pyspark.sql import SparkSession

from pipeline.config.evaluate import EvaluateConfig
from pipeline.config.run import RunConfig
from pipeline.errors import DataError
from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.assemble import assemble
from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.extremes_report import with_values
from pipeline.evaluation.predict import plot_window_of_rows, predict_split
from pipeline.evaluation.predict_job import LINEAR_FILE, PredictJob, prediction_schema
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.slices import slice_rows
from pipeline.evaluation.source_rows import SourceRows
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.part_files import read_parts
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.prepare import find_store, open_store_spec
from pipeline.stages.register import register_model
from pipeline.stages.report import log_report
from pipeline.stages.results import EvaluateResult
from pipeline.store import filesystem as files
from pipeline.store.bundle import add_test
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import model_folder
from pipeline.store.model import PublishedModel, open_model
from pipeline.store.publish import scratch
from pipeline.store.store import Store
from pipeline.tracking.tracker import Tracker
from pipeline.training.spec import TrainingSpec

log = logging.getLogger(__name__)

SPLIT, PREDICTIONS = "test", "predictions"


def evaluate(
    config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None
) -> EvaluateResult:
    """Evaluate the model that a configuration's training run published; continues the tracked run.

    Args:
        config: the experiment, as it was trained.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        StoreError: the store or the model is missing or was altered.
    """
    workers = config.train.workers
    with open_stage(config, "evaluate", spark=spark, progress=progress, workers=workers) as opened:
        store = find_store(opened, StoreSpec.of(config))
        spec = TrainingSpec.of(config, store.manifest.store_id)
        model = open_model(model_folder(opened.root, spec.name, spec.model_id))
        with tracked(opened, config, run_id=model.card.run_id) as resources:
            return evaluate_model(resources, config, store, model)


def evaluate_model(resources: Resources, config: RunConfig, store: Store, model: PublishedModel) -> EvaluateResult:
    """Evaluate within an open job, and log the report.

    Args:
        resources: the job's resources.
        config: the experiment, as it was trained.
        store: the store with the test rows.
        model: the model to evaluate.
    """
    start = time.monotonic()
    if not store.split(SPLIT).rows:
        raise DataError(f"Store {store.path} has no test rows. Set split.fractions.test above 0.")
    with scratch(resources.root) as work, cancelling(resources.spark):
        resources.progress.update("Fitting the baselines")
        job = _predict_job(resources.root, config.evaluate, store, model, work, seed=config.seed)
        resources.progress.update("Scoring the test split")
        scored = predict_split(resources.spark, config.train.workers, job, store)
        report = assemble(store.features.label, job, scored, further=config.evaluate.metrics)
        report = _with_source(
            resources,
            StoreSpec.of(config),
            store,
            report,
            slices=config.evaluate.slices,
            predictions=work.child(PREDICTIONS),
        )
    resources.progress.done(f"Scored {report.rows:,} test rows")
    add_test(model, rows=report.rows, metrics=report.metrics, intervals=report.intervals)
    _log(resources.tracker, report)
    log_report(resources, store, model, report, TrainingSpec.of(config, store.manifest.store_id))
    register_model(resources, model, report, config.track.register)
    return EvaluateResult(
        rows=report.rows,
        metrics=report.metrics,
        intervals=report.intervals,
        baselines=report.baselines,
        confusion=report.confusion.counts if report.confusion else None,
        classes=store.features.label.classes,
        seconds=time.monotonic() - start,
        run_id=resources.tracker.run_id,
    )


def _predict_job(
    root: StoragePath, config: EvaluateConfig, store: Store, model: PublishedModel, work: StoragePath, *, seed: int
) -> PredictJob:
    """The work of every rank. Fits the linear baseline, and writes it to the scratch folder for the ranks."""
    simple = fit_baselines(store, linear=config.baseline == "linear", rows=config.baseline_rows)
    if simple.linear is not None:
        files.write_bytes(work.child(LINEAR_FILE), simple.linear.to_bytes())
    window = plot_window_of_rows(store, SPLIT)
    return PredictJob(
        root=root.uri,
        name=model.card.name,
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
        predictions=work.child(PREDICTIONS).uri if config.slices else None,
        importance_rows=config.importance_rows,
        seed=seed,
    )


def _with_source(
    resources: Resources,
    store_spec: StoreSpec,
    store: Store,
    report: EvalReport,
    *,
    slices: Sequence[str],
    predictions: StoragePath,
) -> EvalReport:
    """The report with what only the source has: raw values of single rows, and slices."""
    store_spec, source = open_store_spec(resources, store_spec)
    if source.fingerprint != store.manifest.source:
        return _with_note(
            report, f"Source '{source.location}' changed since the store was prepared: no slices, no raw rows"
        )
    label = store.features.label
    rows = SourceRows(resources.spark, store_spec, source, label, SPLIT)
    with watch_spark(resources.spark, resources.progress, "Reading single rows"):
        ids = [row.row_id for row in (*report.extremes.worst, *report.extremes.best)]
        report = report.model_copy(update={"extremes": with_values(label, report.extremes, rows.raw(ids))})
    if not slices:
        return report
    with watch_spark(resources.spark, resources.progress, "Measuring slices"):
        return _with_slices(resources.spark, rows, report, slices, predictions)


def _with_slices(
    spark: SparkSession, rows: SourceRows, report: EvalReport, slices: Sequence[str], predictions: StoragePath
) -> EvalReport:
    """The report with slices. A misspelt slice becomes a note: it must not fail the evaluation of a trained model."""
    values = rows.values(slices)
    for problem in values.problems:
        report = _with_note(report, problem)
    if not values.by:
        return report
    spec = AccumulatorSpec.of(rows.label, decision=report.decision, groups=1)
    predicted = read_parts(spark, predictions, prediction_schema(rows.label.outputs))
    return report.model_copy(update={"slices": slice_rows(predicted, values, spec)})


def _with_note(report: EvalReport, note: str) -> EvalReport:
    log.warning("%s", note)
    return report.model_copy(update={"notes": (*report.notes, note)})


def _log(tracker: Tracker, report: EvalReport) -> None:
    named = {f"{SPLIT}/{name}": value for name, value in report.metrics.items()}
    for baseline, metrics in report.baselines.items():
        # All of them are in evaluation.json; here they would hide the metrics by which runs are compared.
        named |= {f"{SPLIT}_{baseline}/{name}": metrics.get(name) for name in report.target.headlines}
    tracker.log_metrics({name: value for name, value in named.items() if value is not None})
    tracker.log_text(report.to_json(), "evaluation.json")
