"""A study: the trials of a search and their results, in a database. The only module that imports Optuna, but for the
samplers.

Trials that were running when their process was killed are run again under their numbers, with their settings: none is
counted twice, and none is lost.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.config.search import SearchConfig
from pipeline.errors import ConfigError
from pipeline.samplers import SAMPLERS
from pipeline.store.lock import try_lock
from pipeline.tuning.capacity import capacity_progress
from pipeline.tuning.capacity_setting import CapacitySetting
from pipeline.tuning.database import naming_database, remove_database, restore_database
from pipeline.tuning.pareto_front import pareto_front
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.study_trial import SETTINGS, STATES, Trial, record_of

optuna.logging.set_verbosity(optuna.logging.WARNING)
# Parts of Optuna that are new; they are pinned with it.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
# A trial that is run again reports the same epochs again.
warnings.filterwarnings("ignore", message=r"The reported value is ignored because this `step=\d+` is already reported")

MOST_CHANCE, FEWEST_FOLDS = 0.2, 2
"""Of the signed-rank test that prunes trials over folds: three folds that are all worse have p = 1 / 8."""


class Study:
    """Hands out trials to several threads, until the search is over."""

    def __init__(self, study: optuna.Study, config: SearchConfig) -> None:
        """See `open_study`."""
        self._study, self._config, self._changed = study, config, threading.Condition()
        self._left = [trial for trial in study.trials if trial.state is TrialState.RUNNING]
        self._closed = False

    def take(self, is_late: Callable[[], bool] = lambda: False) -> Trial | None:
        """The next trial: one that a killed process left, or a new one; None where there is nothing more to try.

        Waits for running trials where the next one depends on their results; `close` wakes all that wait.

        Args:
            is_late: whether it is too late for another trial to start.
        """
        with self._changed:
            while not self._closed and not is_late():
                if self._left:
                    return Trial(optuna.Trial(self._study, self._left.pop(0)._trial_id), self._changed)
                if self._is_enough():
                    return None
                if not SAMPLERS.get(self._config.sampler).is_queued or self._has_queued():
                    return Trial(self._study.ask(), self._changed)
                if self._config.sampler == "grid" or not self._trials(TrialState.RUNNING):
                    return None
                self._changed.wait()
            return None

    def close(self) -> None:
        """Hand out no more trials, not to waiting threads either."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def records(self) -> list[TrialRecord]:
        """All trials that were started, in the order of their numbers, in which queued trials are started too."""
        begun = [trial for trial in self._trials(*STATES) if trial.state is not TrialState.WAITING]
        return [record_of(trial, self._config.further_goals) for trial in begun]

    def importance(self) -> dict[str, float]:
        """The share of the variance between trials, by the first goal, that each setting explains.

        The shares add up to 1; empty where too few trials have finished.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return dict(optuna.importance.get_param_importances(self._study, target=lambda trial: trial.values[0]))
            except (RuntimeError, ValueError):  # fewer than two trials, or all alike
                return {}

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)

    def _has_queued(self) -> bool:
        """Whether a queued trial can start; first queues the networks that a capacity search wants next."""
        if self._config.sampler == "capacity" and not self._trials(TrialState.WAITING):
            records, setting = self.records(), CapacitySetting.of(self._config)
            begun = [setting.hidden_of(record) for record in records]
            for hidden in capacity_progress(records, self._config).wanted:
                if hidden not in begun:
                    attributes = {SETTINGS: json.dumps(setting.settings_of(hidden))}
                    self._study.enqueue_trial(setting.params_of(hidden), user_attrs=attributes)
        return bool(self._trials(TrialState.WAITING))

    def _is_enough(self) -> bool:
        begun = self.records()
        if len(begun) >= self._config.trials:
            return True
        front, patience = pareto_front(begun, self._config.goals), self._config.patience
        if not front or patience is None:
            return False
        newest = max(record.number for record in front)
        return sum(record.number > newest for record in begun if record.state != "running") >= patience


@contextmanager
def open_study(
    file: Path, config: SearchConfig, *, seed: int, epochs: int, grid: Iterable[Mapping[str, Any]] = ()
) -> Iterator[Study]:
    """A study, new or as an earlier job left it; a lock keeps other jobs from it.

    Args:
        file: its database.
        config: the search.
        seed: the seed of the sampler.
        epochs: the number of epochs of a trial that is not pruned.
        grid: the parameters of all trials, where the sampler is `grid`.

    Raises:
        ConfigError: another job is running this search.
        StoreError: the database is damaged, and so is its copy.
        PlatformError: there is no room for it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("ab") as lock:
        if not try_lock(lock):
            raise ConfigError(
                f"Another job is running this search ({file}). Wait for it, stop it, or set search.study to another "
                "name."
            )
        if config.resume == "never":
            remove_database(file)
        restore_database(file)
        with naming_database(file, opening=True):
            study = optuna.create_study(
                storage=f"sqlite:///{file}",
                study_name=config.study,
                directions=["maximize" if goal.maximizes else "minimize" for goal in config.goals],
                pruner=_pruner(config, epochs),
                load_if_exists=True,
            )
            begun = len([record_of(trial, config.further_goals) for trial in study.trials])
        with naming_database(file):
            # The same seed would draw the same trials as before.
            study.sampler = SAMPLERS.get(config.sampler).build(config, seed + begun)
            if not begun:
                for params in grid:
                    study.enqueue_trial(dict(params))
            yield Study(study, config)


def _pruner(config: SearchConfig, epochs: int) -> optuna.pruners.BasePruner:
    if config.crossval and config.pruner != "none":
        return optuna.pruners.WilcoxonPruner(p_threshold=MOST_CHANCE, n_startup_steps=FEWEST_FOLDS)
    match config.pruner:
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=1)
        case "halving":
            return optuna.pruners.SuccessiveHalvingPruner()
        case "hyperband":
            return optuna.pruners.HyperbandPruner(max_resource=epochs)
    return optuna.pruners.NopPruner()
