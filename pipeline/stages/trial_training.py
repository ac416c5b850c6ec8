"""The training runs of one trial: on one store, or on several folds one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.config.run import RunConfig
from pipeline.config.search import PARAMETERS, Goal
from pipeline.stages.context import Resources
from pipeline.stages.train import tracked_names
from pipeline.store.store import Store
from pipeline.training.records import EpochRecord
from pipeline.tuning.parallel import Stopper
from pipeline.tuning.trial import TrialOutcome, metric_of, run_trial, trial_spec, values_of

IsBehind = Callable[[int, float], bool]
"""From an epoch or a fold, counted from 1, and the value of the metric to whether the trial is to be pruned."""


@dataclass(frozen=True)
class TrialScore:
    """The result of a trial on all the stores that it is judged by.

    Attributes:
        values: of the goals, their means over folds.
        seconds: in which steps were taken.
        memory: the most bytes that a rank held.
        parameters: how many weights its network has.
        best_epoch: whose weights were kept, the mean over folds.
        pruned: whether it was ended since it was behind.
    """

    values: tuple[float, ...]
    seconds: float
    memory: int | None
    parameters: int
    best_epoch: int
    pruned: bool


def _score(parts: Sequence[TrialOutcome], goals: Sequence[Goal]) -> TrialScore:
    values = zip(*(values_of(part, goals) for part in parts), strict=True)
    return TrialScore(
        values=tuple(sum(of_goal) / len(parts) for of_goal in values),
        seconds=sum(part.seconds for part in parts),
        memory=max((part.memory for part in parts if part.memory is not None), default=None),
        parameters=max(part.parameters for part in parts),
        best_epoch=round(sum(part.best_epoch for part in parts) / len(parts)),
        pruned=any(part.pruned for part in parts),
    )


def train_trial(
    resources: Resources, config: RunConfig, stores: Sequence[Store], is_behind: IsBehind, stopper: Stopper
) -> TrialScore:
    """Train on one store, pruned by epoch; or on several folds, pruned by fold.

    Args:
        resources: of the job, with the tracked run of the trial.
        config: with the settings of the trial.
        stores: that it is judged by.
        is_behind: asked about each epoch, or about each fold but the last.
        stopper: with which each training run is registered.

    Raises:
        ConfigError: a goal is not measured.
        TrainError: a training run failed, was stopped, or took too long.
    """
    goals, tracker = config.search.goals, resources.tracker
    if len(stores) == 1:
        return _score([_train(resources, config, stores[0], is_behind, stopper)], goals)
    outcomes: list[TrialOutcome] = []
    for number, store in enumerate(stores, start=1):
        outcomes.append(_train(resources, config, store, None, stopper))
        reached, *_ = values_of(outcomes[-1], goals)
        tracker.log_metrics({f"fold/{config.search.metric}": reached}, step=number)
        if number < len(stores) and is_behind(number, reached):
            return replace(_score(outcomes, goals), pruned=True)
    return _score(outcomes, goals)


def _train(
    resources: Resources, config: RunConfig, store: Store, is_behind: IsBehind | None, stopper: Stopper
) -> TrialOutcome:
    metric, *others = (goal.name for goal in config.search.goals if goal.name != PARAMETERS)

    def follow(record: EpochRecord) -> bool:
        for other in others:
            metric_of(record, other)  # one that is not measured fails the trial at its first epoch, not its last
        value = metric_of(record, metric)
        if is_behind is None:
            return False
        resources.tracker.log_metrics(tracked_names(record), step=record.epoch)
        return is_behind(record.epoch, value)

    return run_trial(
        resources.spark,
        resources.root,
        trial_spec(config, store.manifest.store_id),
        timeout=config.search.trial_timeout,
        stopper=stopper,
        is_behind=follow,
    )
