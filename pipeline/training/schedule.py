"""The learning rate of each step.

A schedule is a multiple of the peak rate, as a function of the steps taken so far. It is called within the compiled
step and so consists of TensorFlow operations, see `pipeline/schedules`. Of T steps in all, the first w are warm-up; p
is the share of the other T - w steps taken so far, and e the epochs so far, fractions included.

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
    """From the number of steps taken so far to the rate of the next step; None where the rate is constant.

    Args:
        config: the section `train.schedule`.
        peak: the highest rate.
        epoch_steps: the number of optimizer steps of an epoch.
        epochs: the planned number of epochs.
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
