"""Search: trials of other settings side by side, then the best one trained and evaluated in full."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.contract.document import fingerprint
from pipeline.errors import ConfigError, PipelineError, TrainError
from pipeline.runtime.progress import Progress
from pipeline.search.comparison import compared, comparison_plot
from pipeline.search.contour import contour_plot, two_settings
from pipeline.search.plots import epochs_plot, history_plot, importance_plot, parallel_plot, settings_plot
from pipeline.search.pool import side_by_side
from pipeline.search.space import Settings, configured, first_settings, grid, suggest
from pipeline.search.study import Study, Trial, TrialRecord, best_of, open_study
from pipeline.search.table import short, table, told
from pipeline.search.trial import Running, Trained, metric_of, run_trial
from pipeline.stages.context import StageContext, open_stage, recorded, tracked
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results import BestTrial, SearchResult
from pipeline.stages.run import train_and_evaluate
from pipeline.stages.train import tracked_names
from pipeline.store.layout import search_file
from pipeline.store.store import Store
from pipeline.train.records import EpochRecord

NOT_OF_THE_SEARCH = {"trials", "parallel_trials", "patience", "timeout", "trial_timeout", "resume", "study"}
"""Settings of `search` that may change while it goes on."""
OF_THE_STORE = ("data.", "features.", "split.", "seed")
"""Settings that tell the store; a space with one of them prepares one for each of their values."""
PARENT = "mlflow.parentRunId"
ID_LENGTH = 16
LISTED = 10


class TrialPruned(BaseException):
    """Ends a trial's tracked run as killed, neither finished nor failed."""


def search(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> SearchResult:
    """Search the space of a configuration; a search that was interrupted is gone on with.

    Args:
        config: the experiment, with `search.space`.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.

    Raises:
        ConfigError: the space does not fit the configuration.
        TrainError: all trials failed; the first cause is told.
    """
    start = time.monotonic()
    _check(config)
    slots = config.train.workers * config.search.parallel_trials
    with (
        open_stage(config, "search", spark=spark, progress=progress, workers=slots) as opened,
        tracked(opened) as stage,
    ):
        trials = _Search(stage)
        records, importance = trials.run()
        best = _best_of(records, config)
        _log(stage, records, best, importance)
        settled = replace(stage, config=configured(config, best.settings))
        trained, evaluated = train_and_evaluate(settled, trials.store_of(settled.config, best.settings))
        states = Counter(record.state for record in records)
        return SearchResult(
            best=BestTrial(number=best.number, params=best.settings, value=best.reached, run_id=stage.tracker.run_id),
            trials=len(records),
            finished=states["finished"],
            pruned=states["pruned"],
            failed=states["failed"],
            failures=Counter(record.failure for record in records if record.failure),
            train=trained,
            evaluate=evaluated,
            seconds=time.monotonic() - start,
            run_id=stage.tracker.run_id,
        )


def _check(config: RunConfig) -> None:
    """What can be wrong is said before Spark starts."""
    if not config.search.space:
        raise ConfigError("search.space is empty. Name the settings to try, e.g. train.optimizer.learning_rate.")
    configured(config, first_settings(config.search.space, config))


class _Search:
    """The trials of one job."""

    def __init__(self, stage: StageContext) -> None:
        self._stage, self._config = stage, stage.config
        self._running, self._preparing, self._started = Running(), threading.Lock(), time.monotonic()
        self._interrupted = threading.Event()
        self._store, _ = prepare_store(stage)

    def run(self) -> tuple[list[TrialRecord], dict[str, float]]:
        """All trials, and how much each setting explains."""
        config = self._config.search
        combinations = grid(config.space, self._config) if config.sampler == "grid" else ()
        with open_study(
            self._file(), config, seed=self._config.seed, epochs=self._config.train.epochs, grid=combinations
        ) as study:
            side_by_side(
                config.parallel_trials,
                lambda: self._take(study),
                lambda trial: self._follow(study, trial),
                self._stop,
            )
            return study.records(), study.importance()

    def _file(self) -> Path:
        if not self._stage.root.is_local:
            raise ConfigError(
                "A search keeps its trials in a database file, which needs a storage.root that is a folder. "
                f"Received: {self._stage.root.uri}. Mount the storage, as in /Volumes or /dbfs."
            )
        content = self._config.model_dump(mode="json", include={"model", "train", "seed"})
        told = self._config.search.model_dump(mode="json", exclude=NOT_OF_THE_SEARCH)
        identity = fingerprint([self._store.manifest.store_id, content, told])[:ID_LENGTH]
        return Path(search_file(self._stage.root, self._config.name, self._config.search.study, identity).path)

    def _stop(self) -> None:
        self._interrupted.set()
        self._running.stop()

    def _take(self, study: Study) -> Trial | None:
        limit = self._config.search.timeout
        if limit is not None and time.monotonic() - self._started > limit:
            return None
        return study.take()

    def _follow(self, study: Study, trial: Trial) -> None:
        """One trial, whatever becomes of it."""
        settings = suggest(self._config.search.space, self._config, trial)
        trial.settle(settings)
        try:
            self._train(trial, settings)
        except TrialPruned:
            trial.prune()
        except PipelineError as error:
            if self._interrupted.is_set():
                return  # the next job takes it up again
            trial.fail(" ".join(str(error).split()))
        self._show(study, trial.number)

    def _train(self, trial: Trial, settings: Settings) -> None:
        opened = replace(self._stage, config=configured(self._config, settings))
        config = opened.config
        tags = {PARENT: self._stage.tracker.run_id or "", "trial": str(trial.number)}
        with recorded(opened, _title(trial.number, settings), tags=tags) as stage:
            tracker = stage.tracker
            tracker.log_params({key: told(value) for key, value in settings.items()})
            trained = self._launch(trial, stage, self.store_of(config, settings))
            trial.note(training_seconds=trained.seconds, memory=trained.memory)
            if trained.pruned:
                tracker.set_tags({"state": "pruned"})
                raise TrialPruned
            value = metric_of(trained.history[trained.best_epoch - 1], config.search.metric)
            tracker.log_metrics({f"best_{config.search.metric}": value, "best_epoch": float(trained.best_epoch)})
        trial.finish(value)

    def _launch(self, trial: Trial, stage: StageContext, store: Store) -> Trained:
        metric = stage.config.search.metric

        def is_behind(record: EpochRecord) -> bool:
            stage.tracker.log_metrics(tracked_names(record), step=record.epoch)
            return trial.is_behind(record.epoch, metric_of(record, metric))

        store_id, running = store.manifest.store_id, self._running
        return run_trial(stage.spark, stage.root, stage.config, store_id, running=running, is_behind=is_behind)

    def store_of(self, config: RunConfig, settings: Settings) -> Store:
        """The store that a trial's settings need."""
        if not any(name.startswith(OF_THE_STORE) for name in settings):
            return self._store
        with self._preparing:  # one at a time: they would ask Spark for the same rows
            store, _ = prepare_store(replace(self._stage, config=config))
            return store

    def _show(self, study: Study, number: int) -> None:
        records = study.records()
        record, best = records[number], best_of(records, maximizes=self._config.search.maximizes)
        ended = sum(other.state in ("finished", "pruned", "failed") for other in records)
        metric = self._config.search.metric
        results = {"failed": f"failed: {record.failure[:200]}"}
        result = f"{metric} {record.reached:.5g}" if record.is_finished else results.get(record.state, record.state)
        so_far = f"; best {best.reached:.5g}, trial {best.number}" if best else ""
        self._stage.progress.done(
            f"{_title(number, record.settings)}: {result} ({ended} of {self._config.search.trials}{so_far})"
        )


def _best_of(records: Sequence[TrialRecord], config: RunConfig) -> TrialRecord:
    """The best trial.

    Raises:
        TrainError: none ran to its end.
    """
    best = best_of(records, maximizes=config.search.maximizes)
    if best is not None:
        return best
    causes = Counter(record.failure for record in records if record.failure)
    lines = [f"  {count} times: {cause}" for cause, count in causes.most_common(LISTED)]
    raise TrainError(
        "\n".join([f"None of {len(records)} trials ran to its end. Widen or correct search.space.", *lines])
    )


def _title(number: int, settings: Settings) -> str:
    """What tells a trial from the others, e.g. `trial 3: learning_rate 0.001, hidden 64-64`."""
    shown = ", ".join(f"{short(name)} {told(value)}" for name, value in settings.items())
    return f"trial {number}: {shown}"


def _log(
    stage: StageContext, records: Sequence[TrialRecord], best: TrialRecord, importance: Mapping[str, float]
) -> None:
    """The table of trials and the plots, in the run of the search."""
    config, tracker = stage.config.search, stage.tracker
    tracker.log_params({"sampler": config.sampler, "pruner": config.pruner, "trials": len(records)})
    tracker.log_metrics({f"best_{config.metric}": best.reached, "best_trial": float(best.number)})
    tracker.log_text(json.dumps([asdict(record) for record in records], indent=1), "trials.json")
    # The evaluation of the best trial will describe the run; the table stays among the artifacts.
    tracker.log_text(table(records, config.metric, maximizes=config.maximizes, most=LISTED), "trials.md")
    title = f"{stage.config.name}: {{}}"
    figures = {
        "history": history_plot(records, config.metric, maximizes=config.maximizes, title=title.format("search")),
        "epochs": epochs_plot(records, config.metric, best=best.number, title=title.format("trials by epoch")),
        "settings": settings_plot(records, config.metric, title=title.format("settings")),
        "parallel_coordinates": parallel_plot(records, config.metric, title=title.format("parallel coordinates")),
        "importance": importance_plot(importance, title=title.format("importance of settings")),
    }
    if pair := two_settings(records, importance):
        figures["contour"] = contour_plot(
            records, config.metric, names=pair, maximizes=config.maximizes, title=title.format("two settings")
        )
    if options := compared(config, records):
        figures["comparison"] = comparison_plot(
            records, config.metric, options=options, maximizes=config.maximizes, title=title.format("comparison")
        )
    for name, figure in figures.items():
        tracker.log_figure(figure, f"plots/search_{name}.png")
