"""Any Keras 3 optimizer, made to take the gradient of all ranks instead of its own.

The optimizer stays what it was: same class name, same config, same variables, so it saves and loads as before. Ranks
exchange gradients where Keras is about to clip: after it has accumulated them (so ranks talk once for several passes)
and before it bounds them (so what is bounded is the gradient of the global batch).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from pipeline.config.optimizer import OptimizerConfig
from pipeline.optimizers import OPTIMIZERS
from pipeline.training.gradients import Exchange, GradientNorms
from pipeline.training.world import SingleWorld, World

Schedule = Callable[[Any], Any]
"""From the number of steps that were taken to the learning rate, in TensorFlow's operations."""


class StepSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A function of the optimizer's steps as Keras wants it, which counts global batches."""

    def __init__(self, rate: Schedule, batches_per_step: int) -> None:
        """`rate` takes the number of steps before this one."""
        self._rate, self._batches = rate, batches_per_step

    def __call__(self, step: Any) -> Any:
        """The learning rate after so many batches."""
        return tf.cast(self._rate(step // self._batches), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Never saved: models are saved without their optimizer."""
        raise NotImplementedError("a learning rate that is a function cannot be saved; save the weights")


def build_optimizer(
    config: OptimizerConfig, world: World, schedule: Schedule | None = None, *, scales_loss: bool = False
) -> keras.optimizers.Optimizer:
    """The optimizer of `train.optimizer`, distributed over `world`.

    Args:
        config: which one.
        world: the ranks.
        schedule: the learning rate by step, instead of `config.learning_rate`.
        scales_loss: multiplies losses so that gradients in float16 neither vanish nor overflow; a step whose gradient
            is not finite on any rank is left out on all.
    """
    passes = config.backward_passes_per_step
    settings: dict[str, Any] = {
        "learning_rate": config.learning_rate if schedule is None else StepSchedule(schedule, passes),
        "clipvalue": config.clip_value,
        "clipnorm": config.clip_norm,
        "global_clipnorm": config.clip_global_norm,
    }
    if config.weight_decay is not None:
        settings["weight_decay"] = config.weight_decay
    if passes > 1:
        settings["gradient_accumulation_steps"] = passes
    entry = OPTIMIZERS.get(config.name)
    if entry.has_momentum:
        settings["momentum"] = config.momentum
    optimizer = entry.load()(**settings)
    if scales_loss:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return distribute(optimizer, Exchange(world, config.compression, config.reduction))


def distribute(optimizer: keras.optimizers.Optimizer, exchange: Exchange) -> keras.optimizers.Optimizer:
    """Make `optimizer` take the gradient of all ranks; returns the same object, with an attribute `norms`."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return _distribute_scaled(optimizer, exchange)
    norms = GradientNorms()
    base = type(optimizer)

    class Distributed(base):  # type: ignore[misc, valid-type]
        @property
        def norms(self) -> GradientNorms:
            return norms

        def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
            # Keras adds gradients up densely, and cannot add the rows of an embedding's.
            dense = [_dense(grad) for grad in grads] if self.gradient_accumulation_steps else grads
            return super().apply(dense, trainable_variables)

        def _clip_gradients(self, grads: Sequence[Any]) -> Any:
            combined = exchange.combine(grads)
            norms.note(combined)
            return super()._clip_gradients(combined)

        def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
            # Keras' own sum, over the replicas of `tf.distribute`, of which there is one. TensorFlow would keep its
            # gradient for as long as the process lives, and with it the graph of each training's steps: 4 MB.
            return grads_and_vars

    return _become(optimizer, Distributed, base)


def _distribute_scaled(optimizer: keras.optimizers.LossScaleOptimizer, exchange: Exchange) -> Any:
    """Whether a gradient is finite is asked of the sum, so that all ranks take the step or leave it out."""
    inner = distribute(optimizer.inner_optimizer, Exchange(SingleWorld()))
    base = type(optimizer)

    class Distributed(base):  # type: ignore[misc, valid-type]
        @property
        def norms(self) -> GradientNorms:
            norms: GradientNorms = inner.norms
            return norms

        def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
            return super().apply(exchange.combine(grads), trainable_variables)

    return _become(optimizer, Distributed, base)


def _become(optimizer: Any, distributed: type, base: type) -> Any:
    """Change the class of an optimizer that exists, under the name of its own class.

    A wrapper would have a name, a config and variables of its own, and would not load as the optimizer that it wraps.
    Keras builds variables and slots in `build`, so this must come before.
    """
    for name in ("__name__", "__qualname__", "__module__"):
        setattr(distributed, name, getattr(base, name))
    optimizer.__class__ = distributed
    return optimizer


def _dense(gradient: Any) -> Any:
    return None if gradient is None else tf.convert_to_tensor(gradient)
