"""A trial of a study: suggests settings, records values, and how a stored one is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.tuning.record import TrialRecord

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


def record_of(trial: FrozenTrial, further_goals: Sequence[str]) -> TrialRecord:
    """The record of a stored trial."""
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
