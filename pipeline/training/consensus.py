"""Decisions that all ranks make at the same step though only one of them knows the reason: save, stop, fail.

A collective at every step would cost more than many steps do, so the ranks agree about twice a second. Each decision
includes the number of blocks until the next one: rank 0 estimates it from its clock, and every rank counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pipeline.training.world import World

APART_SECONDS = 0.5


@dataclass(frozen=True)
class StepDecision:
    """What all ranks do next.

    Attributes:
        save: take a checkpoint, because rank 0 asks for one.
        stop: stop, to be resumed later, because a rank received a stop request.
        end: end training, because a callback of a rank asks for it.
        broken: fail, because the loss of a rank is not finite.
    """

    save: bool
    stop: bool
    end: bool
    broken: bool


class RankConsensus:
    """Makes all ranks decide alike."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        """The first decision comes after one block."""
        self._world, self._clock = world, clock
        self._blocks, self._left, self._agreed = 1, 1, clock()

    def is_due(self) -> bool:
        """Whether a decision is due after the block that was just done; to be asked once after each block."""
        self._left -= 1
        return self._left <= 0

    def agree(self, *, save: bool, stop: bool, end: bool, broken: bool) -> StepDecision:
        """Decide together, in one collective; every rank calls this after the same block.

        Blocks until the last rank is there. A rank whose number of blocks differed would meet the others in another
        collective, which Horovod ends with an error, since it matches them by name.

        Args:
            save: whether this rank asks for a checkpoint; only rank 0's counts.
            stop: whether this rank asks to stop.
            end: whether a callback of this rank asks for the end of training.
            broken: whether the loss or the gradient of this rank is not finite.
        """
        first = self._world.rank == 0
        votes = np.array([save and first, stop, end, broken, self._next_blocks() if first else 0], np.int64)
        *sums, self._blocks = self._world.sum([tf.constant(votes)], "consensus")[0].numpy().tolist()
        self._left, self._agreed = self._blocks, self._clock()
        return StepDecision(*(total > 0 for total in sums))

    def _next_blocks(self) -> int:
        """Blocks until the next decision: at most twice as many as before, since the first blocks are slow."""
        done = self._blocks - max(self._left, 0)
        seconds = max(self._clock() - self._agreed, 1e-9)
        return max(1, min(int(done * APART_SECONDS / seconds), 2 * self._blocks))
