"""Optimizers, one entry each.

A module of this package holds entries of `Optimizer`; `train.optimizer.name` names one, or a subclass of
`keras.optimizers.Optimizer` of the user's own, as `package.module:Class`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry


@dataclass(frozen=True)
class Optimizer:
    """An optimizer.

    Attributes:
        name: name in `train.optimizer.name`.
        load: imports the class, a Keras optimizer.
        has_momentum: whether it takes `momentum`.
    """

    name: str
    load: Callable[[], Any]
    has_momentum: bool = False


def _adapted(reference: str, value: Any) -> Optimizer:
    if not isinstance(value, type):
        raise TypeError(f"allowed is a subclass of keras.optimizers.Optimizer. Received: {type(value).__name__}")
    return Optimizer(reference, lambda: value)


OPTIMIZERS = Registry("optimizer", __name__, Optimizer, adapt=_adapted)


def with_momentum() -> tuple[str, ...]:
    """Names of the optimizers that take `momentum`."""
    return tuple(name for name, optimizer in OPTIMIZERS.entries.items() if optimizer.has_momentum)
