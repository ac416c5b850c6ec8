"""Losses of a network's output z, row by row, one entry each.

A module of this package holds entries of `Loss`; `train.loss` names one, or a function of the user's own with the same
arguments, as `package.module:function`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry

RowLoss = Callable[[Any, Any], Any]
"""Function of the scaled labels, float32 [b], or class ids, and z, float32 [b, k], that gives each row's loss, [b]."""


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        name: name in `train.loss`.
        summary: description for the documentation.
        tasks: tasks that it fits; None fits all.
        build: makes the function, which runs in the compiled training step, so it uses TensorFlow's operations only.
    """

    name: str
    summary: str
    tasks: tuple[str, ...] | None
    build: Callable[[], RowLoss]

    def fits(self, task: str) -> bool:
        """Whether it fits labels of a task."""
        return self.tasks is None or task in self.tasks


def _adapted(reference: str, value: Any) -> Loss:
    if not callable(value):
        raise TypeError(f"allowed is a Loss, or a function of y [b] and z [b, k]. Received: {type(value).__name__}")
    return Loss(reference, (value.__doc__ or reference).partition("\n")[0], None, lambda: value)


LOSSES = Registry("loss", __name__, Loss, adapt=_adapted)
