"""Keras's own optimizers."""

from __future__ import annotations

from typing import Any

from pipeline.optimizers import Optimizer


def _keras(name: str, class_name: str, *, has_momentum: bool = False) -> Optimizer:
    def load() -> Any:
        import keras

        return getattr(keras.optimizers, class_name)

    return Optimizer(name, load, has_momentum)


ADAM = _keras("adam", "Adam")
ADAMW = _keras("adamw", "AdamW")
NADAM = _keras("nadam", "Nadam")
ADAMAX = _keras("adamax", "Adamax")
ADAFACTOR = _keras("adafactor", "Adafactor")
LAMB = _keras("lamb", "Lamb")
SGD = _keras("sgd", "SGD", has_momentum=True)
RMSPROP = _keras("rmsprop", "RMSprop", has_momentum=True)
ADAGRAD = _keras("adagrad", "Adagrad")
ADADELTA = _keras("adadelta", "Adadelta")
FTRL = _keras("ftrl", "Ftrl")
LION = _keras("lion", "Lion")
