"""Regularizers: what a network's loss grows by for the size of its kernels, one entry each.

A module of this package holds entries of `Regularizer`; `model.regularizer.name` names one, or a function or class of
the user's own, from the weight to a Keras regularizer, as `package.module:name`. Its class must be registered with
Keras (`keras.saving.register_keras_serializable`), or a saved model cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.registry import Registry


@dataclass(frozen=True)
class Regularizer:
    """A regularizer.

    Attributes:
        name: as `model.regularizer.name` says it.
        summary: what it adds to the loss, for the documentation.
        build: from the weight, above 0, to a Keras regularizer.
        search: the weights that `search.space: auto` tries where a configuration names this regularizer.
    """

    name: str
    summary: str
    build: Callable[[float], Any]
    search: Mapping[str, Any] = field(default_factory=lambda: {"loguniform": [1e-6, 1e-2]})


def _adapted(reference: str, value: Any) -> Regularizer:
    if not callable(value):
        raise TypeError(f"allowed is a Regularizer, or a function of the weight. Received: {type(value).__name__}")
    return Regularizer(reference, (value.__doc__ or reference).partition("\n")[0], value)


REGULARIZERS = Registry("regularizer", __name__, Regularizer, adapt=_adapted)
