"""The trials of a search: trained in parallel, tracked, and recorded in a study."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError, PipelineError, TrainError
from pipeline.formatting import counted, times
from pipeline.schemas.document import fingerprint
from pipeline.stages.context import Resources
from pipeline.stages.trial_rows import TrialRows
from pipeline.stages.trial_training import train_trial
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import search_file
from pipeline.tracking.tags import PARENT
from pipeline.tuning.database import local_database
from pipeline.tuning.parallel import Stopper, run_parallel
from pipeline.tuning.pareto_front import choose_best
from pipeline.tuning.record import TrialRecord, best_of
from pipeline.tuning.space import Settings, configured, first_settings, grid, suggest
from pipeline.tuning.study import Study, Trial, open_study
from pipeline.tuning.table import setting_name, setting_text

NOT_OF_THE_SEARCH = {
    "final", "trials", "parallel_trials", "tolerance", "patience", "timeout", "trial_timeout", "resume", "study"
}  # fmt: skip
"""Settings of `search` that may change between the jobs of one search."""
ID_LENGTH = 16
LISTED = 10


class TrialPruned(BaseException):
    """Ends a trial's tracked run as killed, neither finished nor failed."""


def check_space(config: RunConfig) -> RunConfig:
    """Check, before anything starts, that the space is not empty and fits the configuration.

    Returns:
        The configuration of some trial.

    Raises:
        ConfigError: the space is empty, or does not fit the configuration.
    """
    if not config.search.space:
        raise ConfigError("search.space is empty. Name the settings to try, e.g. train.optimizer.learning_rate.")
    return configured(config, first_settings(config.search.space, config))


def trial_slots(config: RunConfig) -> tuple[int, list[str]]:
    """The number of ranks of parallel trials, and the settings whose product it is."""
    workers = "train.workers" if config.search.workers_per_trial is None else "search.workers_per_trial"
    return config.trial_workers * config.search.parallel_trials, [workers, "search.parallel_trials"]


class Trials:
    """The trials of one search, each on one store, or on several folds in turn."""

    def __init__(self, resources: Resources, config: RunConfig, rows: TrialRows, *, name: str = "") -> None:
        """No trial has started yet.

        Args:
            resources: the job's resources, with the tracked run of the search.
            config: the configuration, which the settings of each trial change.
            rows: the stores of the trials.
            name: the name of the search, if there are several, to begin each progress line with.
        """
        self._resources, self._config, self._rows, self._name = resources, config, rows, name
        self._stopper, self._started = Stopper(), time.monotonic()

    def run(self) -> tuple[list[TrialRecord], dict[str, float]]:
        """Run all trials.

        Returns:
            Their records, and the importance of each setting.

        Raises:
            TrainError: the search was stopped.
        """
        config, folds = self._config.search, len(self._rows.default_stores)
        combinations = grid(config.space, self._config) if config.sampler == "grid" else ()
        steps = self._config.train.epochs if folds == 1 else folds
        with (
            local_database(self._database_file(), fresh=config.resume == "never") as database,
            open_study(database.file, config, seed=self._config.seed, epochs=steps, grid=combinations) as study,
        ):
            with self._stopper.registered(study.close):
                run_parallel(
                    config.parallel_trials,
                    lambda: self._take(study),
                    lambda trial: self._follow(study, trial, database.save),
                    self.stop,
                )
            if self._stopper.is_stopped:
                raise TrainError("The search was stopped. Run the same command again to resume it.")
            return study.records(), study.importance()

    def stop(self) -> None:
        """Stop the running trials and start no other; may be called by any thread."""
        self._stopper.stop()

    def _database_file(self) -> StoragePath:
        content = self._config.identity(include={"model", "train", "seed"})
        searched = self._config.search.identity(exclude=NOT_OF_THE_SEARCH)
        identity = fingerprint([*(store.manifest.store_id for store in self._rows.default_stores), content, searched])[
            :ID_LENGTH
        ]
        return search_file(self._resources.root, self._config.name, self._config.search.study, identity)

    def _take(self, study: Study) -> Trial | None:
        limit = self._config.search.timeout
        return study.take(lambda: limit is not None and time.monotonic() - self._started > limit)

    def _follow(self, study: Study, trial: Trial, save: Callable[[], None]) -> None:
        """Run one trial, and record how it ended."""
        try:
            settings = suggest(self._config.search.space, self._config, trial)
            trial.record_settings(settings)
            save()
            self._train(trial, settings)
        except TrialPruned:
            trial.prune()
        except PipelineError as error:
            if self._stopper.is_stopped:
                return  # the next job resumes it
            trial.fail(" ".join(str(error).split()))
        except BaseException:
            study.close()  # this trial will not end, and the threads of other trials may be waiting for it
            raise
        save()
        self._show(study, trial.number)

    def _train(self, trial: Trial, settings: Settings) -> None:
        config = configured(self._config, settings)
        tags = {PARENT: self._resources.tracker.run_id or "", "trial": str(trial.number)}
        with self._resources.runs.open(_title(trial.number, settings), tags=tags) as tracker:
            tracker.log_params({key: setting_text(value) for key, value in settings.items()})
            resources, stores = replace(self._resources, tracker=tracker), self._rows.of(config, settings)
            trained = train_trial(resources, config, stores, trial.is_behind, self._stopper)
            trial.record_costs(
                training_seconds=trained.seconds,
                memory=trained.memory,
                parameters=trained.parameters,
                best_epoch=trained.best_epoch,
            )
            if trained.pruned:
                tracker.set_tags({"state": "pruned"})
                raise TrialPruned
            values = trained.values
            named = {f"best_{goal.name}": value for goal, value in zip(config.search.goals, values, strict=True)}
            tracker.log_metrics(named | {"best_epoch": float(trained.best_epoch)})
        trial.finish(*values)

    def _show(self, study: Study, number: int) -> None:
        records = study.records()
        record, best = records[number], best_of(records, maximizes=self._config.search.maximizes)
        ended = sum(other.state in ("finished", "pruned", "failed") for other in records)
        metric = self._config.search.metric
        results = {"failed": f"failed: {record.failure[:200]}"}
        result = f"{metric} {record.reached:.5g}" if record.is_finished else results.get(record.state, record.state)
        so_far = f"; best {best.reached:.5g}, trial {best.number}" if best else ""
        self._resources.progress.done(
            f"{self._name}{_title(number, record.settings)}: {result} ({ended} of {self._config.search.trials}{so_far})"
        )


def best_trial(records: Sequence[TrialRecord], config: RunConfig) -> TrialRecord:
    """The best trial.

    Raises:
        TrainError: no trial finished.
    """
    best = choose_best(records, config.search.goals, config.search.tolerance)
    if best is not None:
        return best
    causes = Counter(record.failure for record in records if record.failure)
    lines = [f"  {times(count)}: {cause}" for cause, count in causes.most_common(LISTED)]
    raise TrainError(
        "\n".join([f"None of {counted(len(records), 'trial')} finished. Widen or correct search.space.", *lines])
    )


def _title(number: int, settings: Settings) -> str:
    """The number and the settings of a trial, e.g. `trial 3: learning_rate 0.001, hidden 64-64`."""
    shown = ", ".join(f"{setting_name(name)} {setting_text(value)}" for name, value in settings.items())
    return f"trial {number}: {shown}"
