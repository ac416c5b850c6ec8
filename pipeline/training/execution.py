"""How many steps run between two returns to Python.

Each return costs about as much as a small step: a block is handed over and a compiled function is called. So a block
lasts long enough for that cost to be negligible, and short enough for a rank to react soon to a request to stop or to
save, and to report that it is alive.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Literal

import tensorflow as tf

from pipeline.feed.block import Block
from pipeline.feed.blocks import Feed
from pipeline.feed.dataset import signature_of
from pipeline.training.step_runner import StepRunner

BLOCK_SECONDS = 0.1
MOST_STEPS = 128
TRIAL_STEPS, TRIALS = 8, 3


def choose_steps(setting: int | Literal["auto"], runner: StepRunner, feed: Feed) -> Feed:
    """The feed with the number of steps of a block, which is the same on every rank; each of them must call this.

    Args:
        setting: `train.steps_per_execution`; `auto` times some steps on rows of zeros and restores the runner's state
            afterwards. The function compiled for them is the one that trains.
        runner: takes the steps that are timed.
        feed: of training, whose blocks have as many steps as memory holds, or as the setting asks for.
    """
    if setting != "auto" or not feed.plan.steps:
        return feed
    if runner.block_steps is not None:  # of a kept runner, which only a world of one has
        return replace(feed, steps_per_block=min(runner.block_steps, feed.plan.steps, feed.steps_per_block))
    steps = min(TRIAL_STEPS, feed.plan.steps)
    block, before = _blank(feed, steps), runner.state()
    times = [_seconds(runner, block) for _ in range(TRIALS + 1)][1:]  # the first compiles
    runner.restore(before)
    (total,) = runner.world.sum([tf.constant(min(times) / steps, tf.float64)], "step_seconds")
    chosen = runner.block_steps = steps_of(float(total) / runner.world.size, feed.plan.steps)
    return replace(feed, steps_per_block=min(chosen, feed.steps_per_block))


def most_steps(setting: int | Literal["auto"]) -> int:
    """The most steps of a block, before the duration of a step has been measured."""
    return MOST_STEPS if setting == "auto" else setting


def steps_of(seconds: float, most: int) -> int:
    """A power of two of steps that last about `BLOCK_SECONDS`, where each takes `seconds`; `most` are in an epoch."""
    wanted = min(max(BLOCK_SECONDS / max(seconds, 1e-9), 1.0), MOST_STEPS)
    return max(1, min(1 << round(math.log2(wanted)), most))


def _seconds(runner: StepRunner, block: Block) -> float:
    start = time.monotonic()
    runner.train(block)
    return time.monotonic() - start


def _blank(feed: Feed, steps: int) -> Block:
    """Rows of zeros that count as real rows: on padding, a step might compute nothing."""
    zeros: Block = tf.nest.map_structure(
        lambda spec: tf.zeros((steps, *spec.shape[1:]), spec.dtype), signature_of(feed)
    )
    return zeros._replace(weight=tf.ones_like(zeros.weight), rows=tf.ones(steps))
