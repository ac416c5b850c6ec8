"""The record of a trial, and the order of trials by their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = ("finished", "pruned", "failed", "running", "waiting")


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: its number, counted from 0.
        state: one of `STATES`.
        settings: values by the names of settings.
        value: the metric at the end; None unless the trial finished.
        further: the values of the other goals, by name.
        values: the metric by epoch, or by fold where trials are judged over folds.
        failure: the error message of a failed trial.
        seconds: its duration; None while it runs.
        training_seconds: how much of it its ranks trained.
        memory: the most bytes that a rank held.
        parameters: the number of weights of its network.
        best_epoch: the epoch at which the metric was taken, counted from 1.
    """

    number: int
    state: str
    settings: Mapping[str, Any]
    value: float | None
    further: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[int, float] = field(default_factory=dict)
    failure: str = ""
    seconds: float | None = None
    training_seconds: float | None = None
    memory: int | None = None
    parameters: int | None = None
    best_epoch: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it finished with a value, and so can be compared."""
        return self.state == "finished" and self.value is not None

    @property
    def reached(self) -> float:
        """The value of a finished trial."""
        assert self.value is not None, "a trial that is not finished has no value"
        return self.value


def finished(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The finished trials, in their order."""
    return [record for record in records if record.is_finished]


def ranked(records: Iterable[TrialRecord], *, maximizes: bool) -> list[TrialRecord]:
    """The finished trials, the best first."""
    sign = -1.0 if maximizes else 1.0
    return sorted(finished(records), key=lambda record: (sign * record.reached, record.number))


def best_of(records: Iterable[TrialRecord], *, maximizes: bool) -> TrialRecord | None:
    """The best finished trial; None where there is none."""
    return next(iter(ranked(records, maximizes=maximizes)), None)
