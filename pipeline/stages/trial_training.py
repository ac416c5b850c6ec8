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
"""From an epoch or a fold, counted from 1, and the value of the metric, to whether to prune the trial."""


@dataclass(frozen=True)
class TrialScore:
    """The result of a trial over all its stores.

    Attributes:
        values: the values of the goals, means over folds.
        seconds: the time in which its ranks trained.
        memory: the most bytes that a rank held; None where no trial was long enough to be sampled.
        parameters: the number of weights of its network.
        best_epoch: the epoch whose weights were kept, the mean over folds.
        pruned: whether it was pruned.
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
        resources: the job's resources, with the tracked run of the trial.
        config: the configuration with the settings of the trial.
        stores: its stores.
        is_behind: called for each epoch, or for each fold but the last.
        stopper: stops its training runs when the job ends.

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
