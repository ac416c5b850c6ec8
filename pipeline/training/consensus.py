"""What all ranks do alike, though one of them alone knows the reason: save, stop, give up.

Ranks come together at steps that each of them knows beforehand, about twice a second: a collective at every step would
cost more than many steps do. Rank 0's clock tells how many blocks of steps go by until the next time.
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
    """What holds for all ranks.

    Attributes:
        save: rank 0 wants a checkpoint.
        stop: a rank was told to stop, and to go on at another time.
        end: a rank's callbacks find that it was trained enough.
        broken: a rank's loss is not finite.
    """

    save: bool
    stop: bool
    end: bool
    broken: bool


class RankConsensus:
    """Meetings of the ranks."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        """The first meeting is after one block."""
        self._world, self._clock = world, clock
        self._blocks, self._left, self._met = 1, 1, clock()

    def is_due(self) -> bool:
        """Whether to meet after the block that was just done; each rank asks after each block."""
        self._left -= 1
        return self._left <= 0

    def agree(self, *, save: bool, stop: bool, end: bool, broken: bool) -> StepDecision:
        """Tell the others, and hear what holds for all.

        Args:
            save: counts on rank 0 only.
            stop: counts on any rank.
            end: counts on any rank.
            broken: counts on any rank.
        """
        first = self._world.rank == 0
        said = np.array([save and first, stop, end, broken, self._next() if first else 0], np.int64)
        *sums, self._blocks = self._world.sum([tf.constant(said)], "consensus")[0].numpy().tolist()
        self._left, self._met = self._blocks, self._clock()
        return StepDecision(*(total > 0 for total in sums))

    def _next(self) -> int:
        """Blocks until the next meeting; at most twice as many as last time, since the first ones are slow."""
        done = self._blocks - max(self._left, 0)
        seconds = max(self._clock() - self._met, 1e-9)
        return max(1, min(int(done * APART_SECONDS / seconds), 2 * self._blocks))
