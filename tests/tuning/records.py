"""Trials as a study would tell of them."""

from __future__ import annotations

import random

from pipeline.tuning.record import TrialRecord


def record(number: int, value: float | None, **settings: object) -> TrialRecord:
    """One that reached a value; one without was pruned. Settings' names are written with `_` for `.`"""
    named = {name.replace("_", "."): setting for name, setting in settings.items()}
    return TrialRecord(number=number, state="finished" if value is not None else "pruned", settings=named, value=value)


def bowl(count: int, *, seed: int = 0) -> list[TrialRecord]:
    """Trials whose value is least at x = 0.01 (by its logarithm) and y = 0.3."""
    drawn = random.Random(seed)
    places = [(10 ** drawn.uniform(-4, 0), drawn.uniform(0, 1)) for _ in range(count)]
    return [record(n, abs(x / 0.01 - 1) ** 0.1 + (y - 0.3) ** 2, x=x, y=y) for n, (x, y) in enumerate(places)]
