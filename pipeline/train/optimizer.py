"""Any Keras 3 optimizer, made to sum gradients over all ranks before it applies them.

The loss of a rank is the sum over its rows divided by the real rows of the *global* batch, so the sum of the
ranks' gradients is the gradient of the mean over the global batch, exactly, however the rows are divided. The
optimizer stays what it was: same class name, same config, same variables, so it saves and loads as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from pipeline.config.optimizer import OptimizerConfig
from pipeline.train.world import World

CLASSES: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "adamax": keras.optimizers.Adamax,
    "adafactor": keras.optimizers.Adafactor,
    "lamb": keras.optimizers.Lamb,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "ftrl": keras.optimizers.Ftrl,
    "lion": keras.optimizers.Lion,
}


def build_optimizer(config: OptimizerConfig, world: World) -> keras.optimizers.Optimizer:
    """The optimizer of `train.optimizer`, distributed over `world`."""
    extra = {"momentum": config.momentum} if config.name == "sgd" else {}
    return distribute(CLASSES[config.name](learning_rate=config.learning_rate, **extra), world)


def distribute(optimizer: keras.optimizers.Optimizer, world: World) -> keras.optimizers.Optimizer:
    """Make `optimizer` sum gradients over `world` in `apply`; returns the same object."""
    base = type(optimizer)

    class Distributed(base):  # type: ignore[misc, valid-type]
        def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
            return super().apply(world.sum(grads, "gradients"), trainable_variables)

    Distributed.__name__, Distributed.__qualname__, Distributed.__module__ = (
        base.__name__,
        base.__qualname__,
        base.__module__,
    )
    optimizer.__class__ = Distributed
    return optimizer
