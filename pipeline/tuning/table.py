"""Trials as text: a table, and settings in short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config.search import PARAMETERS, Goal
from pipeline.formatting import counted, format_number
from pipeline.report.markdown import markdown_table
from pipeline.tuning.pareto_front import pareto_front
from pipeline.tuning.record import STATES, TrialRecord, ranked

DIGITS = 5
"""Significant digits of goals, by which neighbouring trials differ."""


def setting_text(value: Any) -> str:
    """A setting's value in short: `64-64`, `0.00123`, `adam`."""
    if isinstance(value, (list, tuple)):
        return "-".join(setting_text(part) for part in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def setting_name(setting: str) -> str:
    """The short name of a setting: `learning_rate`, and `optimizer` for `optimizer.name`."""
    return setting.removesuffix(".name").rpartition(".")[2]


def trial_counts(records: Sequence[TrialRecord]) -> str:
    """The number of trials by state: `3 trials: 2 finished, 1 pruned.`"""
    states = [record.state for record in records]
    kinds = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    return f"{counted(len(records), 'trial')}{': ' if kinds else ''}{kinds}."


def trials_table(records: Sequence[TrialRecord], goals: Sequence[Goal], *, most: int) -> str:
    """The best trials in Markdown, or the Pareto front where there are several goals, and the number by state."""
    front = pareto_front(records, goals)
    best = (front if len(goals) > 1 else ranked(records, maximizes=goals[0].maximizes))[:most]
    remark = f" On the Pareto front: {counted(len(front), 'trial')}." if len(goals) > 1 else ""
    names = list(dict.fromkeys(name for record in best for name in record.settings))
    head = ["trial", *(goal.name for goal in goals), *(f"`{name}`" for name in names)]
    lines = []
    for record in best:
        values = (record.reached, *(record.further[goal.name] for goal in goals[1:]))
        reached = [_goal_text(goal, value) for goal, value in zip(goals, values, strict=True)]
        settings = [setting_text(record.settings[name]) if name in record.settings else "" for name in names]
        lines.append([str(record.number), *reached, *settings])
    return f"{trial_counts(records)}{remark}\n\n{markdown_table(head, lines, numbers=False)}"


def _goal_text(goal: Goal, value: float) -> str:
    """A number of weights in full; other goals in a few digits."""
    return f"{value:,.0f}" if goal.name == PARAMETERS else format_number(value, DIGITS)
