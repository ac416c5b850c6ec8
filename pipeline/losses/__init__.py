"""Losses: how wrong a network's output z is about a row, one entry each.

A module of this package holds entries of `Loss`; `train.loss` names one, or a function of the user's own with the same
arguments, as `package.module:function`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry

RowLoss = Callable[[Any, Any], Any]
"""From what z should be, float32 [b] (or class ids), and z itself, float32 [b, k], to the loss of each row, [b]."""


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        name: as `train.loss` says it.
        summary: what it is, for the documentation.
        tasks: of the labels that it fits; None fits all.
        build: makes the function, whose TensorFlow operations run within the compiled step.
    """

    name: str
    summary: str
    tasks: tuple[str, ...] | None
    build: Callable[[], RowLoss]

    def fits(self, task: str) -> bool:
        """Whether a label of this task can be learned by it."""
        return self.tasks is None or task in self.tasks


def _adapted(reference: str, value: Any) -> Loss:
    if not callable(value):
        raise TypeError(f"allowed is a Loss, or a function of y [b] and z [b, k]. Received: {type(value).__name__}")
    return Loss(reference, (value.__doc__ or reference).partition("\n")[0], None, lambda: value)


LOSSES = Registry("loss", __name__, Loss, adapt=_adapted)
