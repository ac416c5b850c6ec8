"""Trials in words: a table for people, and settings as short texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.search.study import TrialRecord, ranked


def told(value: Any) -> str:
    """A setting's value as people write it: `64-64`, `0.00123`, `adam`."""
    if isinstance(value, (list, tuple)):
        return "-".join(told(part) for part in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short(setting: str) -> str:
    """What a setting is called where its section is clear: `learning_rate`, and `optimizer` for `optimizer.name`."""
    return setting.removesuffix(".name").rpartition(".")[2]


def table(records: Sequence[TrialRecord], metric: str, *, maximizes: bool, most: int) -> str:
    """The best trials in Markdown, and how many there are of each kind."""
    best = ranked(records, maximizes=maximizes)[:most]
    names = list(dict.fromkeys(name for record in best for name in record.settings))
    lines = [["trial", metric, *(f"`{name}`" for name in names)], ["---"] * (len(names) + 2)]
    for record in best:
        settings = [told(record.settings[name]) if name in record.settings else "" for name in names]
        lines.append([str(record.number), f"{record.value:.5g}", *settings])
    states = [record.state for record in records]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
    return f"{len(records)} trials: {counts}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
