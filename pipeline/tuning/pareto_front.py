"""The Pareto front of trials with several goals, and the best trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pipeline.config.search import Goal
from pipeline.tuning.record import TrialRecord, finished, ranked


def pareto_front(records: Iterable[TrialRecord], goals: Sequence[Goal]) -> list[TrialRecord]:
    """The trials that no other trial dominates (the Pareto front), the best by the first goal first.

    A trial dominates another if it is at least as good by all goals and better by one; of trials that are equal by all
    goals, the first counts.
    """
    ended = sorted(finished(records), key=lambda record: (_losses(record, goals), record.number))
    # A later trial in this order cannot dominate an earlier one.
    front: list[TrialRecord] = []
    for record in ended:
        losses = _losses(record, goals)
        if not any(_is_as_good(_losses(other, goals), losses) for other in front):
            front.append(record)
    return front


def choose_best(records: Iterable[TrialRecord], goals: Sequence[Goal], tolerance: float) -> TrialRecord | None:
    """The best trial: the one with the fewest weights of those that are nearly the best by the first goal.

    Args:
        records: all trials.
        goals: with several, the best trial is one of the front.
        tolerance: how much worse than the best by the first goal still counts as nearly the best.

    Returns:
        None where no trial finished.
    """
    maximizes = goals[0].maximizes
    good = pareto_front(records, goals) if len(goals) > 1 else ranked(records, maximizes=maximizes)
    if not good:
        return None
    best = good[0].reached
    near = [record for record in good if record.reached == best or abs(record.reached - best) <= tolerance]
    return min(near, key=lambda record: math.inf if record.parameters is None else record.parameters)


def _losses(record: TrialRecord, goals: Sequence[Goal]) -> tuple[float, ...]:
    """The values of the goals, with the sign turned where more is better."""
    values = (record.reached, *(record.further[goal.name] for goal in goals[1:]))
    return tuple(-value if goal.maximizes else value for goal, value in zip(goals, values, strict=True))


def _is_as_good(losses: Sequence[float], others: Sequence[float]) -> bool:
    return all(one <= other for one, other in zip(losses, others, strict=True))
