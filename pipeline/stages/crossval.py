"""Cross-validation: a model for each fold, trained in parallel and evaluated on rows that it never saw."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.config.split import FoldConfig
from pipeline.errors import ConfigError
from pipeline.evaluation.accumulator import merge_accumulators
from pipeline.evaluation.comparison import check_comparable, compare
from pipeline.evaluation.folds import CrossvalReport, summarize
from pipeline.evaluation.measured_metrics import compute_metrics
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.runtime.progress import Progress
from pipeline.stages.context import open_stage, tracked
from pipeline.stages.crossval_log import folds_params, log_audit, log_crossval
from pipeline.stages.fold_runs import FoldRuns
from pipeline.stages.folds import FoldResult, Folds, crossval_id, prepare_folds
from pipeline.stages.nested import check_nested, use_of
from pipeline.stages.out_of_fold import predictions_table
from pipeline.stages.results.crossval import CrossvalResult
from pipeline.stages.trials import trial_slots
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import crossval_folder
from pipeline.tracking.params import run_params
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import beside

REPORT, PREDICTIONS = "report.json", "predictions"


def cross_validate(
    config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None
) -> CrossvalResult:
    """Train and evaluate a model for each fold; reuses the folds that an earlier job with this configuration finished.

    Rows of the test split are not used. A fold fits its features and its network on its own training rows only; the
    share `split.fractions.validation` of them is kept to choose the epoch.

    Args:
        config: the experiment, with `crossval`.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        PipelineError: see `errors`; finished folds are kept.
    """
    start = time.monotonic()
    if config.crossval.nested:
        check_nested(config)
    slots, settings = _slots(config)
    with (
        open_stage(config, "crossval", spark=spark, progress=progress, workers=slots, settings=settings) as opened,
        tracked(opened, config) as resources,
    ):
        other = _report_to_compare(resources.root, config.crossval.compare_to)
        folds = prepare_folds(resources, StoreSpec.of(config), config.crossval, use_of(config))
        names = ("this one", config.crossval.compare_to or "")
        if other is not None:
            check_comparable(_without_scores(config.crossval, folds), other, names)
        spec = TrainingSpec.of(config, folds.manifest.store_id)
        identity = crossval_id(spec, config.search if config.crossval.nested else None)
        folder = crossval_folder(resources.root, config.name, identity)
        resources.tracker.log_params(run_params(config) | folds_params(folds))
        resources.tracker.set_tags({"folds_id": folds.manifest.folds_id, "crossval_id": identity})
        log_audit(resources, folds)
        with predictions_table(resources.spark, folds, resources.root) as table:
            results = FoldRuns(resources, config, folds, folder, table.write_early).run()
            report = _report(config.crossval, folds, results)
            comparison = None if other is None else compare(report, other, names=names)
            files.write_atomically(folder.child(REPORT), report.to_json().encode())
            with beside(lambda: log_crossval(resources, report, comparison, title=config.name)):
                resources.progress.update("Writing out-of-fold predictions")
                table.publish(results, folder.child(PREDICTIONS))
        return CrossvalResult(
            id=identity,
            folds=tuple(score.metrics for score in report.scores),
            mean=report.mean,
            std=report.std,
            intervals=report.intervals,
            pooled=report.pooled,
            rows=report.rows,
            predictions=folder.child(PREDICTIONS).uri,
            comparison=None if comparison is None else comparison.sentence,
            seconds=time.monotonic() - start,
            run_id=resources.tracker.run_id,
        )


def _slots(config: RunConfig) -> tuple[int, list[str]]:
    """The number of ranks that folds in parallel need, and the settings whose product it is."""
    slots, settings = config.train.workers, ["train.workers"]
    if config.crossval.nested and trial_slots(config)[0] > slots:
        slots, settings = trial_slots(config)
    return slots * config.crossval.parallel_folds, [*settings, "crossval.parallel_folds"]


def _report_to_compare(root: StoragePath, wanted: str | None) -> CrossvalReport | None:
    """The report of `crossval.compare_to`, of any experiment: the folds decide whether two can be compared."""
    if wanted is None:
        return None
    experiments = root.child("crossvals")
    for name in files.list_folders(experiments):
        file = crossval_folder(root, name, wanted).child(REPORT)
        if files.exists(file):
            return CrossvalReport.from_json(files.read_bytes(file), str(file))
    raise ConfigError(
        f"crossval.compare_to: there is no finished cross-validation '{wanted}' under {experiments}. "
        "Use the `id` that jobs/crossval.py prints."
    )


def _without_scores(crossval: FoldConfig, folds: Folds) -> CrossvalReport:
    label, manifest = folds.stores[0].features.label, folds.manifest
    return CrossvalReport(
        task=label.task,
        label=label.name,
        method=crossval.method,
        folds=manifest.folds,
        repeats=manifest.repeats,
        scores=(),
        rows=manifest.rows,
        folds_id=manifest.folds_id,
    )


def _report(crossval: FoldConfig, folds: Folds, results: Sequence[FoldResult]) -> CrossvalReport:
    scores, manifest = tuple(result.score() for result in results), folds.manifest
    report = _without_scores(crossval, folds).model_copy(update={"scores": scores})
    if manifest.repeats == 1 and manifest.method != "bootstrap":
        together = compute_metrics(merge_accumulators([result.accumulator() for result in results]))
        report = report.model_copy(update={"pooled": together.metrics, "pooled_intervals": together.intervals})
    return summarize(report)
