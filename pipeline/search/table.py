"""Trials in words: a table for people, and settings as short texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.evaluate.plots.style import counted
from pipeline.search.study import STATES, TrialRecord, ranked


def told(value: Any) -> str:
    """A setting's value as people write it: `64-64`, `0.00123`, `adam`."""
    if isinstance(value, (list, tuple)):
        return "-".join(told(part) for part in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short(setting: str) -> str:
    """What a setting is called where its section is clear: `learning_rate`, and `optimizer` for `optimizer.name`."""
    return setting.removesuffix(".name").rpartition(".")[2]


def counts(records: Sequence[TrialRecord]) -> str:
    """How many trials there are of each kind: `3 trials: 2 finished, 1 pruned.`"""
    states = [record.state for record in records]
    kinds = ", ".join(f"{states.count(state)} {state}" for state in STATES.values() if state in states)
    return f"{counted(len(records), 'trial')}{': ' if kinds else ''}{kinds}."


def table(records: Sequence[TrialRecord], metric: str, *, maximizes: bool, most: int) -> str:
    """The best trials in Markdown, and how many there are of each kind."""
    best = ranked(records, maximizes=maximizes)[:most]
    names = list(dict.fromkeys(name for record in best for name in record.settings))
    lines = [["trial", metric, *(f"`{name}`" for name in names)], ["---"] * (len(names) + 2)]
    for record in best:
        settings = [told(record.settings[name]) if name in record.settings else "" for name in names]
        lines.append([str(record.number), f"{record.value:.5g}", *settings])
    return f"{counts(records)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
