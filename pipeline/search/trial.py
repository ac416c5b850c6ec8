"""One trial: a training that is followed epoch by epoch, and ended early where it is behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.config.run import RunConfig
from pipeline.config.search import PARAMETERS, Goal
from pipeline.errors import ConfigError, TrainError
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.search.pool import Stopper
from pipeline.store.filesystem import Root
from pipeline.store.publish import scratch
from pipeline.train.job import RankJob
from pipeline.train.launch import launch_training
from pipeline.train.records import EpochRecord, request_stop

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Trained:
    """How a trial's training ended.

    Attributes:
        history: of its epochs.
        best_epoch: whose weights were kept, counted from 1.
        pruned: whether it was ended since it was behind.
        memory: the most bytes that a rank held; None where a trial was too short to be looked at.
        parameters: how many weights its network has.
        seconds: from its first step to its last one, validations included.
    """

    history: tuple[EpochRecord, ...]
    best_epoch: int
    pruned: bool
    memory: int | None
    parameters: int
    seconds: float


def run_trial(
    spark: SparkSession,
    root: Root,
    config: RunConfig,
    store_id: str,
    *,
    stopper: Stopper,
    is_behind: Callable[[EpochRecord], bool],
) -> Trained:
    """Train as a configuration says; nothing is published.

    Args:
        spark: a session with slots for this trial beside the others.
        root: of the storage.
        config: of this trial.
        store_id: of its rows.
        stopper: where the training is noted.
        is_behind: called with each epoch's record; True ends the trial.

    Raises:
        TrainError: it failed, was told to stop, or took longer than `search.trial_timeout`.
    """
    ended: list[str] = []
    memory: list[int] = []
    with scratch(root) as work, cancelling(spark), stopper.noting(lambda: request_stop(work)):

        def end(why: str) -> None:
            ended.append(why)
            request_stop(work)

        def follow(record: EpochRecord) -> None:
            if is_behind(record) and not ended:
                end("pruned")

        job = RankJob(
            root=root.uri,
            name=config.name,
            store_id=store_id,
            scratch=work.uri,
            model=config.model,
            train=config.train,
            seed=config.seed,
            saves=False,
        )

        def look(beats: Mapping[int, Heartbeat]) -> None:
            memory.extend(beat.memory for beat in beats.values())

        with _after(config.search.trial_timeout, lambda: end("late")):
            result, history = launch_training(spark, job, follow, look, apart=True)
    if result.stopped and "pruned" not in ended:
        limit = f"search.trial_timeout, {config.search.trial_timeout:g} seconds" if "late" in ended else "the job's end"
        raise TrainError(f"The trial was stopped after {result.epochs} epochs by {limit}.")
    return Trained(
        history=tuple(history),
        best_epoch=result.best_epoch,
        pruned=result.stopped,
        memory=max(memory, default=None),
        parameters=result.parameters,
        seconds=result.seconds,
    )


def values_of(trained: Trained, goals: Sequence[Goal]) -> tuple[float, ...]:
    """What a trial that ran to its end is compared by, at the epoch whose weights were kept.

    Raises:
        ConfigError: the training does not measure a goal.
    """
    record = trained.history[trained.best_epoch - 1]
    return tuple(
        float(trained.parameters) if goal.name == PARAMETERS else metric_of(record, goal.name) for goal in goals
    )


def metric_of(record: EpochRecord, name: str) -> float:
    """A number that trials are compared by.

    Raises:
        ConfigError: the training does not measure it.
    """
    if name not in record.metrics:
        known = ", ".join(metric for metric in record.metrics if metric.startswith("val_"))
        raise ConfigError(
            f"Trials are compared by '{name}', which is not measured. Allowed: {known}. Add it to train.metrics, or "
            "take one of these for search.metric and search.further_goals."
        )
    return record.metrics[name]


@contextmanager
def _after(seconds: float | None, act: Callable[[], None]) -> Iterator[None]:
    """Act when the block has lasted so long."""
    timer = threading.Timer(seconds, act) if seconds is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if timer:
            timer.cancel()
