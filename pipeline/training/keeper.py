"""When checkpoints are taken, and from which one a training goes on."""

from __future__ import annotations

import logging
import time

import tensorflow as tf

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.errors import TrainError
from pipeline.training.callbacks import Callbacks
from pipeline.training.checkpoint import Checkpoint, latest_checkpoint, read_checkpoint
from pipeline.training.course import Course
from pipeline.training.job import RankJob
from pipeline.training.learner import Learner
from pipeline.training.resume import check_unchanged
from pipeline.training.saver import Saver
from pipeline.training.snapshot import METRICS, is_finite, take_snapshot
from pipeline.training.world import World

logger = logging.getLogger(__name__)


class Keeper:
    """Takes checkpoints of all ranks; rank 0 writes them. Without a saver, none are kept."""

    def __init__(
        self, job: RankJob, saver: Saver | None, learning_rate: float | None, found: Checkpoint | None
    ) -> None:
        """`found` is the checkpoint that the training went on from, `learning_rate` what the finder chose."""
        self._config = job.train.checkpoint or CheckpointConfig(every_seconds=None)
        self._identity, self._saver, self._learning_rate = job.identity(), saver, learning_rate
        place = job.open_checkpoints()
        self._place = place.path if place else ""
        self._last = found.head.place() if found else None
        self._since = time.monotonic()

    def is_due_between(self, first: int, last: int) -> bool:
        """Whether the number of steps asks for a checkpoint, which each rank knows."""
        every = self._config.every_steps
        return every is not None and first // every != last // every

    def is_time(self) -> bool:
        """Whether this rank's clock asks for one."""
        every = self._config.every_seconds
        return self._saver is not None and every is not None and time.monotonic() - self._since >= every

    def save(self, course: Course, learner: Learner, callbacks: Callbacks) -> None:
        """Take one; every rank calls this at the same step.

        Raises:
            TrainError: on every rank, a weight is not finite; the earlier checkpoints stay.
        """
        if self._saver is None:
            return
        state = learner.state()
        if not is_finite({name: array for name, array in state.items() if not name.startswith(METRICS)}):
            raise TrainError(
                f"A weight is not finite after step {course.step} of epoch {course.epoch + 1}. "
                f"Lower train.optimizer.learning_rate, or scale the features.{self.what_is_kept()}"
            )
        head = course.head(
            self._identity, learner.world.size, learning_rate=self._learning_rate, callbacks=callbacks.state()
        )
        checkpoint = take_snapshot(state, course.best, head, learner.world)
        if learner.world.rank == 0:
            self._saver.save(checkpoint)
        self._last, self._since = head.place(), time.monotonic()

    def what_is_kept(self) -> str:
        """A sentence for a failure's message, with a blank before it, or nothing."""
        return f" The checkpoint of {self._last} stays in {self._place}." if self._last else ""


def find_checkpoint(job: RankJob, world: World) -> tuple[int, Checkpoint | None]:
    """The checkpoint that a training goes on from, the same on every rank, with its generation; 0 where it begins.

    Raises:
        ConfigError: on every rank, it is of a training that was set up otherwise.
    """
    place = job.open_checkpoints()
    if place is None:
        return 0, None
    found = latest_checkpoint(place) if world.rank == 0 else None
    generation = int(world.sum([tf.constant(found[0] if found else 0, tf.int64)], "generation")[0])
    if generation == 0:
        return 0, None
    checkpoint = found[1] if found else read_checkpoint(place, generation)
    allowed = job.train.checkpoint is not None and job.train.checkpoint.allow_changes
    changes = check_unchanged(checkpoint.head, job.identity(), place, allowed=allowed)
    if changes and world.rank == 0:
        logger.warning("The training goes on, though it was changed: %s", "; ".join(changes))
    return generation, checkpoint
