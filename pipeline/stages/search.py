"""Search: trials of other settings side by side, then the best one trained and evaluated in full."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.config.search import PARAMETERS, SearchConfig
from pipeline.contract.document import fingerprint
from pipeline.errors import ConfigError, PipelineError, TrainError
from pipeline.runtime.progress import Progress
from pipeline.search.front import choose, front_of
from pipeline.search.pool import side_by_side
from pipeline.search.record import TrialRecord, best_of
from pipeline.search.space import Settings, configured, first_settings, grid, suggest
from pipeline.search.study import Study, Trial, open_study
from pipeline.search.table import short, told
from pipeline.search.trial import Running, Trained, metric_of, run_trial, values_of
from pipeline.stages.context import StageContext, open_stage, recorded, tracked
from pipeline.stages.prepare import prepare_store
from pipeline.stages.results import BestTrial, FrontTrial, SearchResult
from pipeline.stages.run import train_and_evaluate
from pipeline.stages.search_log import log_search
from pipeline.stages.train import tracked_names
from pipeline.store.layout import search_file
from pipeline.store.store import Store
from pipeline.train.records import EpochRecord

NOT_OF_THE_SEARCH = {
    "trials", "parallel_trials", "tolerance", "patience", "timeout", "trial_timeout", "resume", "study"
}  # fmt: skip
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
        log_search(stage, records, best, importance)
        settled = replace(stage, config=configured(config, best.settings))
        trained, evaluated = train_and_evaluate(settled, trials.store_of(settled.config, best.settings))
        states = Counter(record.state for record in records)
        return SearchResult(
            best=BestTrial(**_told(best), run_id=stage.tracker.run_id),
            front=_front(records, config.search),
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
                lambda: self._stop(study),
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

    def _stop(self, study: Study) -> None:
        self._interrupted.set()
        study.close()
        self._running.stop()

    def _take(self, study: Study) -> Trial | None:
        limit = self._config.search.timeout
        return study.take(lambda: limit is not None and time.monotonic() - self._started > limit)

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
        except BaseException:
            study.close()  # this trial will not end, and others may wait for it
            raise
        self._show(study, trial.number)

    def _train(self, trial: Trial, settings: Settings) -> None:
        opened = replace(self._stage, config=configured(self._config, settings))
        config = opened.config
        tags = {PARENT: self._stage.tracker.run_id or "", "trial": str(trial.number)}
        with recorded(opened, _title(trial.number, settings), tags=tags) as stage:
            tracker = stage.tracker
            tracker.log_params({key: told(value) for key, value in settings.items()})
            trained = self._launch(trial, stage, self.store_of(config, settings))
            trial.note(
                training_seconds=trained.seconds,
                memory=trained.memory,
                parameters=trained.parameters,
                best_epoch=trained.best_epoch,
            )
            if trained.pruned:
                tracker.set_tags({"state": "pruned"})
                raise TrialPruned
            values = values_of(trained, config.search.goals)
            named = {f"best_{goal.name}": value for goal, value in zip(config.search.goals, values, strict=True)}
            tracker.log_metrics(named | {"best_epoch": float(trained.best_epoch)})
        trial.finish(*values)

    def _launch(self, trial: Trial, stage: StageContext, store: Store) -> Trained:
        metric, *others = (goal.name for goal in stage.config.search.goals if goal.name != PARAMETERS)

        def is_behind(record: EpochRecord) -> bool:
            stage.tracker.log_metrics(tracked_names(record), step=record.epoch)
            for other in others:
                metric_of(record, other)  # what is not measured ends the trial now, not at its end
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
    best = choose(records, config.search.goals, config.search.tolerance)
    if best is not None:
        return best
    causes = Counter(record.failure for record in records if record.failure)
    lines = [f"  {count} times: {cause}" for cause, count in causes.most_common(LISTED)]
    raise TrainError(
        "\n".join([f"None of {len(records)} trials ran to its end. Widen or correct search.space.", *lines])
    )


def _told(record: TrialRecord) -> dict[str, Any]:
    """What the job tells of a trial that ran to its end."""
    return {
        "number": record.number,
        "params": record.settings,
        "value": record.reached,
        "further": record.further,
        "parameters": record.parameters,
    }


def _front(records: Sequence[TrialRecord], config: SearchConfig) -> tuple[FrontTrial, ...]:
    """The trials that none beats, where there are several goals."""
    front = front_of(records, config.goals) if config.further_goals else ()
    return tuple(FrontTrial(**_told(record)) for record in front)


def _title(number: int, settings: Settings) -> str:
    """What tells a trial from the others, e.g. `trial 3: learning_rate 0.001, hidden 64-64`."""
    shown = ", ".join(f"{short(name)} {told(value)}" for name, value in settings.items())
    return f"trial {number}: {shown}"
