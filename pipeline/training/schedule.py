"""The learning rate of each step.

A schedule is a multiple of the peak rate, a function of how many steps were taken, in TensorFlow's operations, since it
is called within the compiled step: see `pipeline/schedules`. Of T steps in all, the first w are warm-up; p is the share
of the other T - w that were taken, and e the epochs, parts included.

Warm-up multiplies the rate by 1/w, 2/w, ... 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from pipeline.config.schedule import ScheduleConfig
from pipeline.schedules import SCHEDULES


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
    curve, warmup = SCHEDULES.get(config.name).build(config), config.warmup_epochs * epoch_steps
    rest = max(epochs * epoch_steps - warmup, 1.0)

    def rate(step: Any) -> Any:
        done = tf.cast(step, tf.float64)
        progress = tf.clip_by_value((done - warmup) / rest, 0.0, 1.0)
        warm = tf.minimum((done + 1.0) / warmup, 1.0) if warmup else 1.0
        return tf.cast(peak * warm * curve(progress, done / epoch_steps), tf.float32)

    return rate
