"""The training runs of the folds of a cross-validation: in parallel, tracked, and resumed fold by fold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pipeline.config.run import RunConfig
from pipeline.errors import PipelineError
from pipeline.evaluation.folds import FoldScore, headlines_of
from pipeline.evaluation.metric_names import capital, metric_name
from pipeline.evaluation.predict import plot_window_of_rows
from pipeline.formatting import format_number
from pipeline.runtime.cancel import cancellable
from pipeline.stages.context import Resources
from pipeline.stages.crossval_log import fold_params, log_score
from pipeline.stages.fold_training import fold_spec, run_fold
from pipeline.stages.folds import FoldResult, Folds
from pipeline.stages.nested import choose_settings
from pipeline.stages.train_log import tracked_names, tracked_values
from pipeline.store.filesystem import StoragePath
from pipeline.store.store import Store
from pipeline.tracking.tags import PARENT
from pipeline.training.records import EpochRecord
from pipeline.tuning.parallel import Stopper, run_parallel
from pipeline.tuning.space import Settings
from pipeline.tuning.table import setting_text

logger = logging.getLogger(__name__)


class FoldRuns:
    """Runs the folds of one job that no earlier job finished."""

    def __init__(
        self,
        resources: Resources,
        config: RunConfig,
        folds: Folds,
        folder: StoragePath,
        on_idle: Callable[[Sequence[FoldResult]], None],
    ) -> None:
        """Nothing is trained before `run`.

        Args:
            resources: the job's resources, with the tracked run of the cross-validation.
            config: the configuration of each fold; a nested cross-validation chooses some settings by fold.
            folds: the folds, with their stores.
            folder: the folder where their results are published.
            on_idle: called with the folds that have finished when no other is left to start and some are still running,
                so that a task slot is free; by several threads.
        """
        self._resources, self._config, self._folds, self._on_idle = resources, config, folds, on_idle
        self._results = [FoldResult.of(folder, number) for number in range(folds.manifest.count)]
        self._left = [number for number, result in enumerate(self._results) if not result.is_published]
        self._window = plot_window_of_rows(folds.stores[0], "train")
        self._stopper, self._lock = Stopper(), threading.Lock()

    def run(self) -> list[FoldResult]:
        """Run all folds. Finished folds of an earlier job are tracked again, so that this job's run has all of them."""
        done = len(self._results) - len(self._left)
        if done:
            self._resources.progress.done(
                f"Reusing {done} of {len(self._results)} folds, which an earlier job finished"
            )
        for number, result in enumerate(self._results):
            if number not in self._left:
                self._track_again(number, result.score())
        run_parallel(self._config.crossval.parallel_folds, self._take, self._train, self._stopper.stop)
        return self._results

    def _take(self) -> int | None:
        with self._lock:
            if self._left:
                return self._left.pop(0)
        finished = [result for result in self._results if result.is_published]
        if len(finished) < len(self._results):
            with cancellable(self._resources.spark) as cancel, self._stopper.registered(cancel):
                self._on_idle(finished)
        return None

    def _track_again(self, number: int, score: FoldScore) -> None:
        with self._resources.runs.open(self._name(number), tags=self._tags(number)) as tracker:
            tracker.log_params(fold_params(self._folds, number))
            tracker.log_params({name: setting_text(value) for name, value in score.settings.items()})
            for epoch in range(score.epochs):
                values = {name: values[epoch] for name, values in score.history.items()}
                tracker.log_metrics(tracked_values(values), step=epoch + 1)
            log_score(tracker, score)

    def _train(self, number: int) -> None:
        name, result = self._name(number), self._results[number]
        with self._resources.runs.open(name, tags=self._tags(number)) as tracker:
            resources = replace(self._resources, tracker=tracker)
            tracker.log_params(fold_params(self._folds, number))
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
            log_score(tracker, score)
        finished = sum(result.is_published for result in self._results)
        metrics = headlines_of(self._folds.stores[number].features.label.task, score.metrics)[:2]
        headlines = ", ".join(f"{metric_name(name)} {format_number(score.value(name))}" for name in metrics)
        self._resources.progress.done(f"{name}: {headlines} ({finished} of {len(self._results)})")

    def _chosen(self, resources: Resources, number: int) -> tuple[RunConfig, Store, Settings]:
        """The configuration, store and settings of a fold; a nested cross-validation searches for the settings."""
        if not self._config.crossval.nested:
            return self._config, self._folds.stores[number], {}
        chosen = choose_settings(resources, self._config, self._folds, number, self._stopper, name=self._name(number))
        resources.tracker.log_params({name: setting_text(value) for name, value in chosen[-1].items()})
        return chosen

    @contextmanager
    def _named(self, number: int) -> Iterator[None]:
        """Name the fold in an error, and log it at once: it is raised only after the other folds have finished."""
        try:
            yield
        except PipelineError as error:
            if self._stopper.is_stopped:
                raise
            name = capital(self._name(number))
            if self._config.crossval.parallel_folds > 1:
                logger.error("%s failed; waiting for the other running folds to finish", name)
            raise type(error)(f"{name} failed: {error}") from error

    def _name(self, number: int) -> str:
        repeat, fold = divmod(number, self._folds.manifest.folds)
        return f"fold {fold}" + (f", repeat {repeat}" if self._folds.manifest.repeats > 1 else "")

    def _tags(self, number: int) -> dict[str, str]:
        return {PARENT: self._resources.tracker.run_id or "", "fold": str(number)}
