"""Schedules: the learning rate as a multiple of its peak, one entry each.

A module of this package holds entries of `Schedule`; `train.schedule.name` names one, or as `package.module:function` a
function of the user's own. It takes p, the share of the steps after warm-up that were taken so far, and e, the epochs
so far, fractions included, both float64 tensors, and returns the multiple.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry

Curve = Callable[[Any, Any], Any]
"""From p and e to a multiple of the peak rate."""


@dataclass(frozen=True)
class Schedule:
    """A schedule.

    Attributes:
        name: the value of `train.schedule.name`.
        options: the settings of `ScheduleConfig` that it uses, besides those of warm-up.
        build: from these settings (a `ScheduleConfig`) to the curve, in TensorFlow operations.
        warms_up: whether a warm-up may precede it.
    """

    name: str
    options: tuple[str, ...]
    build: Callable[[Any], Curve]
    warms_up: bool = True


def _adapted(reference: str, value: Any) -> Schedule:
    if not callable(value):
        raise TypeError(f"allowed is a Schedule, or a function of p and e. Received: {type(value).__name__}")
    return Schedule(reference, (), lambda _: value)


SCHEDULES = Registry("schedule", __name__, Schedule, adapt=_adapted)
