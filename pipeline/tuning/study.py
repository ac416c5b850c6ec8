"""A study: the trials of a search and their results, in a database. The only module that imports Optuna, but for the
samplers.

Trials that were running when their process was killed are run again under their numbers, with their settings: none is
counted twice, and none is lost.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.config.search import SearchConfig
from pipeline.config.search_space import HIDDEN
from pipeline.errors import ConfigError
from pipeline.samplers import SAMPLERS
from pipeline.store.lock import try_lock
from pipeline.tuning.capacity import capacity_progress, hidden_of, params_of
from pipeline.tuning.pareto_front import pareto_front
from pipeline.tuning.record import TrialRecord

optuna.logging.set_verbosity(optuna.logging.WARNING)
# Parts of Optuna that are new; they are pinned with it.
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
# A trial that is run again reports the same epochs again.
warnings.filterwarnings("ignore", message=r"The reported value is ignored because this `step=\d+` is already reported")

MOST_CHANCE, FEWEST_FOLDS = 0.2, 2
"""Of the signed-rank test that prunes trials over folds: three folds that are all worse have p = 1 / 8."""
SETTINGS, FAILURE, COSTS, EPOCHS = "settings", "failure", "costs", "epochs"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


class Trial:
    """A running trial: suggests settings, see `space.Suggester`, and records the values that the trial reaches.

    Optuna's trials and studies are not safe for threads, so each call holds the study's lock.
    """

    def __init__(self, trial: optuna.Trial, lock: threading.Condition) -> None:
        """`trial` is Optuna's; `lock` is the study's, whose waiting threads are notified when the trial ends."""
        self._trial, self._lock = trial, lock

    @property
    def number(self) -> int:
        """Counted from 0."""
        return int(self._trial.number)

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of some texts."""
        with self._lock:
            return str(self._trial.suggest_categorical(name, options))

    def whole(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number between two."""
        with self._lock:
            return self._trial.suggest_int(name, low, high, step=step, log=log)

    def number_between(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number between two."""
        with self._lock:
            return self._trial.suggest_float(name, low, high, step=step, log=log)

    def record_settings(self, settings: Mapping[str, Any]) -> None:
        """Record the settings, by their dotted names."""
        with self._lock:
            self._trial.set_user_attr(SETTINGS, json.dumps(settings))

    def record_costs(self, **costs: float | None) -> None:
        """Record attributes of `TrialRecord` that are reported only, or that decide between equals."""
        with self._lock:
            self._trial.set_user_attr(COSTS, costs)

    def is_behind(self, epoch: int, value: float) -> bool:
        """Report the metric of an epoch; returns whether to prune the trial, by what others had reached by then."""
        with self._lock:
            if len(self._trial.study.directions) > 1:  # Optuna takes no intermediate values then
                values = self._trial.user_attrs.get(EPOCHS, {})
                self._trial.set_user_attr(EPOCHS, {**values, str(epoch): value})
                return False
            self._trial.report(value, epoch)
            return self._trial.should_prune()

    def finish(self, *values: float) -> None:
        """Record that it finished, with a value for each goal."""
        self._end(TrialState.COMPLETE, values)

    def prune(self) -> None:
        """Record that it was pruned."""
        self._end(TrialState.PRUNED)

    def fail(self, failure: str) -> None:
        """Record that it ended with an error."""
        with self._lock:
            self._trial.set_user_attr(FAILURE, failure)
        self._end(TrialState.FAIL)

    def _end(self, state: TrialState, values: Sequence[float] | None = None) -> None:
        with self._lock:
            self._trial.study.tell(self._trial, values, state=state)
            self._lock.notify_all()


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
        return [_record(trial, self._config.further_goals) for trial in begun]

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
            records = self.records()
            begun = [hidden_of(record) for record in records]
            for hidden in capacity_progress(records, self._config).wanted:
                if hidden not in begun:
                    attributes = {SETTINGS: json.dumps({HIDDEN: hidden})}
                    self._study.enqueue_trial(params_of(hidden), user_attrs=attributes)
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
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("ab") as lock:
        if not try_lock(lock):
            raise ConfigError(
                f"Another job is running this search ({file}). Wait for it, stop it, or set search.study to another "
                "name."
            )
        if config.resume == "never":
            file.unlink(missing_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///{file}",
            study_name=config.study,
            directions=["maximize" if goal.maximizes else "minimize" for goal in config.goals],
            pruner=_pruner(config, epochs),
            load_if_exists=True,
        )
        begun = len(study.trials)
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


def _record(trial: FrozenTrial, further_goals: Sequence[str]) -> TrialRecord:
    attributes, duration = trial.user_attrs, trial.duration
    value, *further = trial.values or [None]
    on_the_way = {int(epoch): value for epoch, value in attributes.get(EPOCHS, {}).items()}
    return TrialRecord(
        number=trial.number,
        state=STATES[trial.state],
        settings=json.loads(attributes.get(SETTINGS, "{}")),
        value=value,
        further=dict(zip(further_goals, further, strict=False)),
        values=trial.intermediate_values or on_the_way,
        failure=attributes.get(FAILURE, ""),
        seconds=duration.total_seconds() if duration is not None else None,
        **attributes.get(COSTS, {}),
    )
