"""The epochs of a training on one rank, from wherever it goes on.

Ranks meet about twice a second, see `accord`; then a checkpoint may be taken, all may stop, and a loss that is not
finite on one of them ends the training on all, at the same step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.errors import TrainError
from pipeline.feed.blocks import Block
from pipeline.feed.dataset import BlockReader
from pipeline.runtime.pulse import does
from pipeline.store.filesystem import StoragePath
from pipeline.training.accord import Accord
from pipeline.training.callbacks import Callbacks
from pipeline.training.course import Course
from pipeline.training.keeper import Keeper
from pipeline.training.learner import Learner
from pipeline.training.plateau import Plateau
from pipeline.training.records import EpochRecord, stop_requested, write_epoch
from pipeline.training.stopping import Stopping
from pipeline.training.tensorboard import Board

REMEDY = "Lower train.optimizer.learning_rate, or scale the features."


@dataclass
class Loop:
    """A training's epochs.

    Attributes:
        epochs: to train at most, those of the course included.
        learner: the network, and how it learns.
        training: rows, from the course's epoch and step on.
        validation: rows, from the course's epoch on.
        course: where the training is; it goes on with every block.
        stopping: before the first epoch.
        plateau: before the first epoch.
        keeper: of checkpoints.
        callbacks: of the user.
        board: for TensorBoard.
        scratch: of the launch.
    """

    epochs: int
    learner: Learner
    training: BlockReader
    validation: BlockReader
    course: Course
    stopping: Stopping
    plateau: Plateau
    keeper: Keeper
    callbacks: Callbacks
    board: Board
    scratch: StoragePath

    def run(self) -> bool:
        """Train to the end, after which the network has its best weights; or until told to stop, which returns False.

        Raises:
            TrainError: on every rank, the loss of one is not finite.
        """
        self._accord = Accord(self.learner.world)
        self._take_up_history()
        self.callbacks.begin_training()
        while not self._is_over:
            if not self._train_epoch() or not self._validate() or not self._finish_epoch():
                return False
        if self.course.best:
            self.learner.network.set_weights(self.course.best)
        self.callbacks.end_training()
        return True

    @property
    def _is_over(self) -> bool:
        return self.course.epoch >= self.epochs or self.course.ended or self.stopping.stops

    def _take_up_history(self) -> None:
        """What follows from the epochs before, and their records, which this launch's driver has not seen."""
        losses = [record.monitored for record in self.course.history]
        self.stopping, self.plateau = self.stopping.after_all(losses), self.plateau.after_all(losses)
        if self.learner.world.rank == 0:
            for record in self.course.history:
                write_epoch(self.scratch, record)

    def _train_epoch(self) -> bool:
        """The rest of the epoch in progress; False where all stop."""
        course = self.course
        if course.step == 0:
            self.callbacks.begin_epoch(course.epoch)
        since = time.monotonic()
        for block in self._waited_for(self.training.epoch()):
            first = course.step
            self.learner.train(block)
            course.step += len(block.rows)
            course.seconds, since = course.seconds + time.monotonic() - since, time.monotonic()
            due = self.keeper.is_due_between(first, course.step)
            if (self._accord.is_due() or due or course.step == course.steps) and not self._meet(save=due):
                return False
        return True

    def _validate(self) -> bool:
        for block in self.validation.epoch():
            does("validates")
            self.learner.validate(block)
            if self._accord.is_due() and not self._meet():
                return False
        return True

    def _finish_epoch(self) -> bool:
        """Put the epoch on record, and decide what follows from it; False where all stop."""
        record = self._record()
        if record.best:
            self.course.best = self.learner.network.get_weights()
        self.course.begin_epoch(record)
        self.plateau, before = self.plateau.after(record.monitored), self.plateau
        if self.plateau.rate != before.rate:
            self.learner.optimizer.learning_rate = self.plateau.rate
        if self.learner.world.rank == 0:
            write_epoch(self.scratch, record)
            self.board.write(record)
        self.callbacks.end_epoch(record)
        return self._meet()

    def _record(self) -> EpochRecord:
        learner, course = self.learner, self.course
        metrics = learner.training.finish(learner.world)
        if sum(self.validation.feed.plan.shard_rows):
            metrics |= {f"val_{name}": value for name, value in learner.validation.finish(learner.world).items()}
        monitored = metrics.get("val_loss", metrics["loss"])
        if not math.isfinite(metrics["loss"]) or not math.isfinite(monitored):
            raise TrainError(
                f"The loss is not finite after epoch {course.epoch + 1} (training {metrics['loss']}, monitored "
                f"{monitored}). {REMEDY}{self.keeper.what_is_kept()}"
            )
        self.stopping = self.stopping.after(course.epoch, monitored)
        return EpochRecord(
            epoch=course.epoch + 1,
            metrics=metrics,
            rows=sum(self.training.feed.plan.shard_rows),
            seconds=course.seconds,
            input_seconds=course.input_seconds,
            best=self.stopping.is_best(course.epoch),
        )

    @property
    def _is_finite(self) -> bool:
        """Of this rank's losses and the common gradient: an activation may swallow a NaN that the gradient shows."""
        norms = [variable.numpy() for variable in self.learner.optimizer.norms.variables]
        return self.learner.training.is_finite and bool(np.isfinite(norms).all())

    def _meet(self, *, save: bool = False) -> bool:
        """Agree with the other ranks on what is to be done now, and do it; False where all stop."""
        course = self.course
        verdict = self._accord.meet(
            save=save or self.keeper.is_time(),
            stop=self.learner.world.rank == 0 and stop_requested(self.scratch),
            end=self.callbacks.want_end,
            broken=not self._is_finite,
        )
        course.ended = course.ended or verdict.end
        if verdict.broken:
            raise TrainError(
                f"The loss or its gradient is not finite after step {course.step} of epoch {course.epoch + 1}. "
                f"{REMEDY}{self.keeper.what_is_kept()}"
            )
        if verdict.save or verdict.stop:
            does("takes a checkpoint")
            self.keeper.save(course, self.learner, self.callbacks)
        return not verdict.stop

    def _waited_for(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The same blocks, with the time that they are waited for added to the course's."""
        while True:
            start = time.monotonic()
            does("waits for rows")
            block = next(blocks, None)
            self.course.input_seconds += time.monotonic() - start
            if block is None:
                return
            does("trains")
            yield block
