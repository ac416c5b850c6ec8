"""Schedules: the learning rate as a multiple of its peak, one entry each.

A module of this package holds entries of `Schedule`; `train.schedule.name` names one, or a function of the user's own,
as `package.module:function`, from the share of the steps after warm-up that were taken, p, and the epochs, parts
included, e, both float64 tensors, to the multiple.
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
        name: as `train.schedule.name` says it.
        options: the settings of `ScheduleConfig` that it has, warm-up apart.
        build: from these settings (a `ScheduleConfig`) to the curve, in TensorFlow's operations.
        warms_up: whether a warm-up may go before it.
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
