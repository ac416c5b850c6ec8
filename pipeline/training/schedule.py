"""The learning rate of each step.

A schedule is a multiple of the peak rate, a function of how many steps were taken, in TensorFlow's operations, since it
is called within the compiled step. Of T steps in all, the first w are warm-up; p is the share of the other T - w that
were taken, and e the epochs, parts included.

    constant      1
    step          factor ^ floor(e / every_epochs)
    exponential   factor ^ e
    cosine        from 1 to final along half a cosine over p
    polynomial    final + (1 - final) (1 - p) ^ power
    one_cycle     from start to 1 along half a cosine while p < rise, then from 1 to final along another

Warm-up multiplies the rate by 1/w, 2/w, ... 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.config.schedule import ScheduleConfig

Curve = Callable[[Any, Any], Any]
"""From p and e to a multiple of the peak rate."""


def build_schedule(
    config: ScheduleConfig, *, peak: float, epoch_steps: float, epochs: int
) -> Callable[[Any], Any] | None:
    """The rate of the step that follows after so many steps; None where it is the same for all.

    Args:
        config: which schedule.
        peak: the highest rate.
        epoch_steps: of the optimizer in an epoch.
        epochs: that the training is planned for.
    """
    if config.name == "constant" and not config.warmup_epochs:
        return None
    curve, warmup = _curve(config), config.warmup_epochs * epoch_steps
    rest = max(epochs * epoch_steps - warmup, 1.0)

    def rate(step: Any) -> Any:
        done = tf.cast(step, tf.float64)
        progress = tf.clip_by_value((done - warmup) / rest, 0.0, 1.0)
        warm = tf.minimum((done + 1.0) / warmup, 1.0) if warmup else 1.0
        return tf.cast(peak * warm * curve(progress, done / epoch_steps), tf.float32)

    return rate


def _curve(config: ScheduleConfig) -> Curve:
    curves: dict[str, Curve] = {
        "constant": lambda p, e: tf.ones_like(p),
        "step": lambda p, e: _power(config.factor, tf.floor(e / config.every_epochs)),
        "exponential": lambda p, e: _power(config.factor, e),
        "cosine": lambda p, e: _half_cosine(1.0, config.final, p),
        "polynomial": lambda p, e: config.final + (1.0 - config.final) * tf.pow(1.0 - p, config.power),
        "one_cycle": lambda p, e: tf.where(
            p < config.rise,
            _half_cosine(config.start, 1.0, p / config.rise),
            _half_cosine(1.0, config.final, (p - config.rise) / (1.0 - config.rise)),
        ),
    }
    return curves[config.name]


def _half_cosine(first: float, last: float, share: Any) -> Any:
    return last + (first - last) * 0.5 * (1.0 + tf.cos(math.pi * share))


def _power(base: float, exponent: Any) -> Any:
    return tf.pow(tf.constant(base, tf.float64), exponent)
