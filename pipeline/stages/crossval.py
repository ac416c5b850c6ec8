"""Cross-validation: folds in parallel, each trained, and evaluated on rows that it never saw."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.config.split import FoldConfig
from pipeline.errors import ConfigError, PipelineError
from pipeline.evaluation.comparison import Comparison, check_comparable, compare
from pipeline.evaluation.folds import CrossvalReport, FoldScore, headlines_of, summarize
from pipeline.evaluation.measures import measure
from pipeline.evaluation.names import capital, metric_name
from pipeline.evaluation.predict import window_of_rows
from pipeline.evaluation.tally import merge_tallies
from pipeline.formatting import format_interval, format_number
from pipeline.preparation.planning.store_spec import StoreRecipe
from pipeline.report.plots.fold_curves import fold_curves
from pipeline.report.plots.folds import fold_metrics, paired_differences
from pipeline.report.summaries import comparison_table, crossval_table
from pipeline.runtime.progress import Progress
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.folds import FoldResult, Folds, crossval_id, fold_spec, prepare_folds, run_fold
from pipeline.stages.nested import check_nested, choose_settings, use_of
from pipeline.stages.out_of_fold import write_predictions
from pipeline.stages.results import CrossvalResult
from pipeline.stages.train import tracked_names, tracked_values
from pipeline.stages.trials import trial_slots
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import AUDIT, crossval_folder
from pipeline.store.store import Store
from pipeline.tracking.params import run_params
from pipeline.tracking.tags import PARENT
from pipeline.tracking.tracker import Tracker
from pipeline.training.records import EpochRecord
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import Stopper, run_parallel
from pipeline.tuning.space import Settings
from pipeline.tuning.table import setting_text

logger = logging.getLogger(__name__)

REPORT, PREDICTIONS = "report.json", "predictions"


def cross_validate(
    config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None
) -> CrossvalResult:
    """Train and measure a model for each fold; folds that an earlier job with this configuration finished are kept.

    Rows of the test split take no part. What a fold learns, its features among it, it learns from its own training
    rows; a share of them, that of `split.fractions.validation`, is kept to choose the epoch.

    Args:
        config: the experiment, with `crossval`.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.

    Raises:
        PipelineError: see `errors`; folds that were finished before are kept.
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
        folds = prepare_folds(resources, StoreRecipe.of(config), config.crossval, use_of(config))
        names = ("this one", config.crossval.compare_to or "")
        if other is not None:
            check_comparable(_without_scores(config.crossval, folds), other, names)
        spec = TrainingSpec.of(config, folds.manifest.store_id)
        identity = crossval_id(spec, config.search if config.crossval.nested else None)
        folder = crossval_folder(resources.root, config.name, identity)
        resources.tracker.log_params(run_params(config) | _params(folds))
        resources.tracker.set_tags({"folds_id": folds.manifest.folds_id, "crossval_id": identity})
        _log_audit(resources, folds)
        results = _Crossval(resources, config, folds, folder).run()
        report = _report(config.crossval, folds, results)
        comparison = None if other is None else compare(report, other, names=names)
        files.write_atomically(folder.child(REPORT), report.to_json().encode())
        resources.progress.update("Writing out-of-fold predictions")
        write_predictions(resources.spark, folds, results, folder.child(PREDICTIONS), root=resources.root)
        _log(resources, report, comparison, title=config.name)
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
    """The ranks that folds in parallel need, and the settings whose product this is."""
    slots, settings = config.train.workers, ["train.workers"]
    if config.crossval.nested and trial_slots(config)[0] > slots:
        slots, settings = trial_slots(config)
    return slots * config.crossval.parallel_folds, [*settings, "crossval.parallel_folds"]


class _Crossval:
    """The folds of one job."""

    def __init__(self, resources: Resources, config: RunConfig, folds: Folds, folder: StoragePath) -> None:
        self._resources, self._config, self._folds = resources, config, folds
        self._results = [FoldResult.of(folder, number) for number in range(folds.manifest.count)]
        self._left = [number for number, result in enumerate(self._results) if not result.is_there]
        self._window = window_of_rows(folds.stores[0], "train")
        self._stopper, self._lock = Stopper(), threading.Lock()

    def run(self) -> list[FoldResult]:
        """Run all folds. Those that an earlier job finished are tracked again: each run in MLflow is complete."""
        done = len(self._results) - len(self._left)
        if done:
            self._resources.progress.done(f"{done} of {len(self._results)} folds were finished by an earlier job")
        for number, result in enumerate(self._results):
            if number not in self._left:
                self._recall(number, result.score())
        run_parallel(self._config.crossval.parallel_folds, self._take, self._train, self._stopper.stop)
        return self._results

    def _take(self) -> int | None:
        with self._lock:
            return self._left.pop(0) if self._left else None

    def _recall(self, number: int, score: FoldScore) -> None:
        with self._resources.runs.open(self._name(number), tags=self._tags(number)) as tracker:
            tracker.log_params(_fold_params(self._folds, number))
            tracker.log_params({name: setting_text(value) for name, value in score.settings.items()})
            for epoch in range(score.epochs):
                values = {name: values[epoch] for name, values in score.history.items()}
                tracker.log_metrics(tracked_values(values), step=epoch + 1)
            _record(tracker, score)

    def _train(self, number: int) -> None:
        name, result = self._name(number), self._results[number]
        with self._resources.runs.open(name, tags=self._tags(number)) as tracker:
            resources = replace(self._resources, tracker=tracker)
            tracker.log_params(_fold_params(self._folds, number))
            with self._named(number):
                chosen, store, settings = self._chosen(resources, number)

                def follow(record: EpochRecord) -> None:
                    tracker.log_metrics(tracked_names(record), step=record.epoch)
                    resources.progress.update(f"{name}: epoch {record.epoch}/{chosen.train.epochs}")

                score = run_fold(
                    resources,
                    fold_spec(chosen, store),
                    store,
                    result,
                    window=self._window,
                    stopper=self._stopper,
                    on_epoch=follow,
                    settings=settings,
                )
            _record(tracker, score)
        finished = sum(result.is_there for result in self._results)
        metrics = headlines_of(self._folds.stores[number].features.label.task, score.metrics)[:2]
        said = ", ".join(f"{metric_name(name)} {format_number(score.value(name))}" for name in metrics)
        self._resources.progress.done(f"{name}: {said} ({finished} of {len(self._results)})")

    def _chosen(self, resources: Resources, number: int) -> tuple[RunConfig, Store, Settings]:
        """The configuration, store and settings of a fold; a nested cross-validation searches for the settings."""
        if not self._config.crossval.nested:
            return self._config, self._folds.stores[number], {}
        chosen = choose_settings(resources, self._config, self._folds, number, self._stopper, name=self._name(number))
        resources.tracker.log_params({name: setting_text(value) for name, value in chosen[-1].items()})
        return chosen

    @contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """Name the fold in an error. It is logged at once, because the folds in parallel are finished first."""
        try:
            yield
        except PipelineError as error:
            if self._stopper.is_stopped:
                raise
            name = capital(self._name(number))
            if self._config.crossval.parallel_folds > 1:
                logger.error("%s failed; folds that are being trained beside it are finished first", name)
            raise type(error)(f"{name} failed: {error}") from error

    def _name(self, number: int) -> str:
        repeat, fold = divmod(number, self._folds.manifest.folds)
        return f"fold {fold}" + (f", repeat {repeat}" if self._folds.manifest.repeats > 1 else "")

    def _tags(self, number: int) -> dict[str, str]:
        return {PARENT: self._resources.tracker.run_id or "", "fold": str(number)}


def _fold_params(folds: Folds, number: int) -> dict[str, int]:
    """What varies between folds."""
    rows = folds.stores[number].manifest.rows
    return {"fold": number, **{f"rows.{name}": count for name, count in rows.items() if name != "quarantined"}}


def _params(folds: Folds) -> dict[str, str | int]:
    manifest = folds.manifest
    return {"crossval.method": manifest.method, "crossval.folds": manifest.folds, "crossval.repeats": manifest.repeats}


def _record(tracker: Tracker, score: FoldScore) -> None:
    """What a fold reached, under the names that a run's evaluation has."""
    tracker.log_metrics({**_named("test", score.metrics), "train/best_epoch": float(score.best_epoch)})


def _report_to_compare(root: StoragePath, wanted: str | None) -> CrossvalReport | None:
    """The report of `crossval.compare_to`; whichever experiment it is of, its folds tell whether it can be compared."""
    if wanted is None:
        return None
    experiments = root.child("crossvals")
    for name in files.list_folders(experiments):
        file = crossval_folder(root, name, wanted).child(REPORT)
        if files.exists(file):
            return CrossvalReport.from_json(files.read_bytes(file), file.path)
    raise ConfigError(
        f"crossval.compare_to: there is no finished cross-validation '{wanted}' under {experiments.path}. "
        "Take the `id` that jobs/crossval.py prints."
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
        together = measure(merge_tallies([result.tally() for result in results]))
        report = report.model_copy(update={"pooled": together.metrics, "pooled_intervals": together.intervals})
    return summarize(report)


def _log_audit(resources: Resources, folds: Folds) -> None:
    """Log the leak audit of the folds; folds of version 0.1 may have none."""
    file = folds.recipe.place(folds.source, resources.root).child(AUDIT)
    if files.exists(file):
        resources.tracker.log_text(files.read_bytes(file).decode(), "data/audit.json")


def _log(resources: Resources, report: CrossvalReport, comparison: Comparison | None, *, title: str) -> None:
    """The means, the table and the plots, in the run of the cross-validation."""
    tracker = resources.tracker
    tracker.log_metrics(
        {
            **_named("test", report.mean),
            **_named("test_std", report.std),
            **_named("test_pooled", report.pooled),
        }
    )
    tracker.log_text(report.to_json(), "crossval.json")
    sentences = [_sentence(report, name) for name in report.headlines[:2]]
    tables = ["\n\n".join(f"{sentence}." for sentence in sentences), crossval_table(report)]
    tracker.log_figure(fold_metrics(report, title=f"{title}: folds"), "plots/crossval_metrics.png")
    tracker.log_figure(fold_curves(report, title=f"{title}: learning curves of the folds"), "plots/crossval_curves.png")
    if comparison is not None:
        tables.insert(1, comparison_table(comparison))
        tracker.log_text(comparison.to_json(), "comparison.json")
        differences = paired_differences(comparison, title=f"{title}: differences by fold")
        tracker.log_figure(differences, "plots/crossval_comparison.png")
        resources.progress.done(comparison.sentence)
    tracker.log_text("\n\n".join(tables), "crossval.md")
    tracker.describe("\n\n".join(tables))
    for sentence in sentences:
        resources.progress.done(sentence)


def _named(prefix: str, metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in metrics.items() if value is not None}


def _sentence(report: CrossvalReport, name: str) -> str:
    """E.g. `MAE 57,500 over 5 folds, 95 % interval 55,000 to 60,000`."""
    mean, bounds = report.mean.get(name), report.intervals.get(name)
    if mean is None:
        return f"{metric_name(name)} is not defined in any fold"
    within = "" if bounds is None else f", 95 % interval {format_interval(bounds)}"
    return f"{metric_name(name)} {format_number(mean)} over {len(report.scores)} folds{within}"
