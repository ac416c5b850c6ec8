"""Makes any Keras 3 optimizer apply the gradient of all ranks instead of its rank's own.

The optimizer keeps its class name, config and variables, so it saves and loads as before. Ranks exchange gradients
where Keras is about to clip them: after accumulation (so there is one exchange for several passes) and before clipping
(so the bound applies to the gradient of the global batch).
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
"""From the number of steps taken so far to the learning rate, in TensorFlow operations."""


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
        config: the section `train.optimizer`.
        world: the ranks.
        schedule: the learning rate by step, instead of `config.learning_rate`.
        scales_loss: multiplies losses so that gradients in float16 neither underflow nor overflow; a step whose
            gradient is not finite on any rank is skipped on all.
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
            # Keras would sum over the replicas of `tf.distribute`, of which there is one. TensorFlow keeps the gradient
            # of that sum for the life of the process, and with it the graph of each training run's steps: 4 MB.
            return grads_and_vars

    return _become(optimizer, Distributed, base)


def _distribute_scaled(optimizer: keras.optimizers.LossScaleOptimizer, exchange: Exchange) -> Any:
    """Exchange before the check for finite gradients, so that all ranks take the step or all skip it."""
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
    """Replace the class of an existing optimizer by a subclass that has the name of the original class.

    A wrapper would have its own name, config and variables, and would not load as the optimizer that it wraps. The
    subclass must be in place before `build`, where Keras creates variables and slots, and before a step is traced:
    a traced step keeps calling the methods of the class that it saw.
    """
    for name in ("__name__", "__qualname__", "__module__"):
        setattr(distributed, name, getattr(base, name))
    optimizer.__class__ = distributed
    return optimizer


def _dense(gradient: Any) -> Any:
    return None if gradient is None else tf.convert_to_tensor(gradient)
