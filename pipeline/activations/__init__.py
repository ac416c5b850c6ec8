"""Activations of a network's layers, one entry each.

A module of this package holds entries of `Activation`; `model.activation` names one, or a function of the user's own,
from a tensor to one of the same shape, as `package.module:function`. Such a function must be registered with Keras
(`keras.saving.register_keras_serializable`), or a saved model cannot be loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry


@dataclass(frozen=True)
class Activation:
    """An activation.

    Attributes:
        name: name in `model.activation`.
        keras: what Keras layers accept: Keras's name of it, or a function.
    """

    name: str
    keras: Any


def _adapted(reference: str, value: Any) -> Activation:
    if not callable(value):
        raise TypeError(f"allowed is a function of a tensor. Received: {type(value).__name__}")
    return Activation(reference, value)


ACTIVATIONS = Registry("activation", __name__, Activation, adapt=_adapted)
