"""A trial: a training run that is followed epoch by epoch, and pruned where it falls behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.config.run import RunConfig
from pipeline.config.search import PARAMETERS, Goal
from pipeline.errors import ConfigError, TrainError
from pipeline.formatting import counted
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.store.filesystem import StoragePath
from pipeline.training.job import DecisionConfig
from pipeline.training.records import EpochRecord
from pipeline.training.run import RequestStop, TrainingHooks, run_training
from pipeline.training.spec import TrainingSpec
from pipeline.tuning.parallel import Stopper

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class TrialOutcome:
    """How the training run of a trial ended.

    Attributes:
        history: the records of its epochs.
        best_epoch: the epoch whose weights were kept, counted from 1.
        pruned: whether it was stopped because it was behind.
        memory: peak memory of a rank in bytes; None where the trial was too short to be sampled.
        parameters: the number of weights of its network.
        seconds: from its first step to its last one, validations included.
    """

    history: tuple[EpochRecord, ...]
    best_epoch: int
    pruned: bool
    memory: int | None
    parameters: int
    seconds: float


def trial_spec(config: RunConfig, store_id: str) -> TrainingSpec:
    """The training run of a trial, of which nothing but the history is kept."""
    spec = TrainingSpec.of(config, store_id)
    leaves_nothing = {"workers": config.trial_workers, "checkpoint": None, "tensorboard": False}
    return replace(
        spec,
        train=config.train.model_copy(update=leaves_nothing),
        decision_config=DecisionConfig(),
        formats=(),
        saves=False,
    )


def run_trial(
    spark: SparkSession,
    root: StoragePath,
    spec: TrainingSpec,
    *,
    timeout: float | None,
    stopper: Stopper,
    is_behind: Callable[[EpochRecord], bool],
) -> TrialOutcome:
    """Train, and stop early where the trial is behind; nothing is published.

    Args:
        spark: a session with slots for this trial beside the others.
        root: the storage root.
        spec: what is trained, see `trial_spec`.
        timeout: seconds after which the trial fails; None sets no limit.
        stopper: stops the training run when the job ends.
        is_behind: called with each epoch's record; True prunes the trial.

    Raises:
        TrainError: the training run failed, was stopped, or took longer than `timeout`.
    """
    early = EarlyStop(timeout, stopper)
    memory: list[int] = []

    def follow(record: EpochRecord) -> None:
        if is_behind(record):
            early.stop("pruned")

    def look(heartbeats: Mapping[int, Heartbeat]) -> None:
        memory.extend(heartbeat.memory for heartbeat in heartbeats.values())

    hooks = TrainingHooks(on_epoch=follow, on_heartbeats=look, stoppable=early.watching)
    with run_training(spark, root, spec, hooks, always_on_spark=True) as outcome:
        result = outcome.result
    if result.stopped and early.reason != "pruned":
        raise TrainError(f"The trial was stopped after {counted(result.epochs, 'epoch')} by {early.cause}.")
    return TrialOutcome(
        history=outcome.history.epochs,
        best_epoch=result.best_epoch,
        pruned=result.stopped,
        memory=max(memory, default=None),
        parameters=result.parameters,
        seconds=result.seconds,
    )


class EarlyStop:
    """Stops a trial's training run, and records why: it is behind, it takes too long, or the whole job ends."""

    def __init__(self, timeout: float | None, stopper: Stopper) -> None:
        """`timeout` is in seconds; `stopper` is the job's."""
        self._timeout, self._stopper = timeout, stopper
        self._request: RequestStop | None = None
        self.reason: str | None = None

    @property
    def cause(self) -> str:
        """The cause of a stop that is a failure, for messages."""
        if self._timeout is not None and self.reason == "late":
            return f"search.trial_timeout, {self._timeout:g} seconds"
        return "the end of the job"

    def stop(self, reason: str) -> None:
        """Stop; the first reason counts. Called by the thread that follows the ranks, and by the timer's."""
        self.reason = self.reason or reason
        if self._request is not None:
            self._request()

    @contextmanager
    def watching(self, request: RequestStop) -> Iterator[None]:
        """The time within which the training run may be stopped."""
        self._request = request
        with self._stopper.registered(request), _after(self._timeout, lambda: self.stop("late")):
            yield


def values_of(trained: TrialOutcome, goals: Sequence[Goal]) -> tuple[float, ...]:
    """The values of the goals of a finished trial, at the epoch whose weights were kept.

    Raises:
        ConfigError: the training run does not measure a goal.
    """
    record = trained.history[trained.best_epoch - 1]
    return tuple(
        float(trained.parameters) if goal.name == PARAMETERS else metric_of(record, goal.name) for goal in goals
    )


def metric_of(record: EpochRecord, name: str) -> float:
    """A metric of an epoch that trials are compared by.

    Raises:
        ConfigError: the training run does not measure it.
    """
    if name not in record.metrics:
        allowed = ", ".join(metric for metric in record.metrics if metric.startswith("val_"))
        raise ConfigError(
            f"Trials are compared by '{name}', which is not measured. Allowed: {allowed}. Add it to train.metrics, or "
            "use one of these in search.metric and search.further_goals."
        )
    return record.metrics[name]


@contextmanager
def _after(seconds: float | None, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` from a timer's thread once the block has lasted `seconds`."""
    timer = threading.Timer(seconds, act) if seconds is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()
