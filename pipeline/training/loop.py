"""The epochs of a training run on one rank, from its beginning or from a checkpoint.

Ranks agree about twice a second, see `consensus`; then a checkpoint may be taken, all may stop, and a loss that is not
finite on one of them ends the run on all, at the same step.

Everything here that contains a collective (steps, decisions, checkpoints, the metrics of an epoch) runs on all ranks
in the same order. No rank may skip any of it for a reason that only this rank knows: the ranks agree first. A rank that
skips a collective blocks the others until the stall detector ends the launch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.errors import TrainError
from pipeline.feed.block import Block
from pipeline.feed.dataset import BlockReader
from pipeline.runtime.activity import report_activity
from pipeline.store.filesystem import StoragePath
from pipeline.training.callbacks import Callbacks
from pipeline.training.checkpoints.policy import CheckpointPolicy
from pipeline.training.consensus import RankConsensus
from pipeline.training.early_stopping import EarlyStopping
from pipeline.training.progress import TrainingProgress
from pipeline.training.records import EpochRecord, stop_requested, write_epoch
from pipeline.training.reduce_lr_on_plateau import ReduceLROnPlateau
from pipeline.training.step_runner import StepRunner
from pipeline.training.tensorboard import Board

REMEDY = "Lower train.optimizer.learning_rate, or scale the features."


@dataclass
class Loop:
    """The epochs of a training run.

    Attributes:
        epochs: the number of epochs to train at most, finished ones included.
        runner: the network, its optimizer and its metrics.
        training: reads the training split, from the epoch and step of `progress` on.
        validation: reads the validation split, from the epoch of `progress` on.
        progress: the position in the run; changes with every block.
        early_stopping: its state before the first epoch.
        plateau: its state before the first epoch.
        checkpoints: decides when checkpoints are taken, and takes them.
        callbacks: the user's callbacks.
        board: writes for TensorBoard.
        scratch: the launch's folder for records and requests.
    """

    epochs: int
    runner: StepRunner
    training: BlockReader
    validation: BlockReader
    progress: TrainingProgress
    early_stopping: EarlyStopping
    plateau: ReduceLROnPlateau
    checkpoints: CheckpointPolicy
    callbacks: Callbacks
    board: Board
    scratch: StoragePath

    def run(self) -> bool:
        """Train to the end, after which the network has its best weights.

        Returns:
            False where the run was stopped before its end.

        Raises:
            TrainError: on every rank, since the loss of one is not finite.
        """
        self._consensus = RankConsensus(self.runner.world)
        self._restore_history()
        self.callbacks.begin_training()
        while not self._is_over:
            if not self._train_epoch() or not self._validate() or not self._finish_epoch():
                return False
        if self.progress.best:
            self.runner.network.set_weights(self.progress.best)
        self.callbacks.end_training()
        return True

    @property
    def _is_over(self) -> bool:
        return self.progress.epoch >= self.epochs or self.progress.ended or self.early_stopping.stops

    def _restore_history(self) -> None:
        """Replay the history: early stopping and plateaus follow from it, and this driver has not seen its records."""
        losses = [record.monitored for record in self.progress.history]
        self.early_stopping, self.plateau = self.early_stopping.after_all(losses), self.plateau.after_all(losses)
        if self.runner.world.rank == 0:
            for record in self.progress.history:
                write_epoch(self.scratch, record)

    def _train_epoch(self) -> bool:
        """Train the rest of the epoch in progress; False where all ranks stop."""
        progress = self.progress
        if progress.step == 0:
            self.callbacks.begin_epoch(progress.epoch)
        since = time.monotonic()
        for block in self._timed(self.training.epoch()):
            first = progress.step
            self.runner.train(block)
            progress.step += len(block.rows)
            progress.seconds, since = progress.seconds + time.monotonic() - since, time.monotonic()
            due = self.checkpoints.is_due_between(first, progress.step)
            if (self._consensus.is_due() or due or progress.step == progress.steps) and not self._agree(save=due):
                return False
        return True

    def _validate(self) -> bool:
        for block in self.validation.epoch():
            report_activity("validates")
            self.runner.validate(block)
            if self._consensus.is_due() and not self._agree():
                return False
        return True

    def _finish_epoch(self) -> bool:
        """Record the epoch, and act on what follows from it; False where all ranks stop."""
        record = self._record()
        if record.best:
            self.progress.best = self.runner.network.get_weights()
        self.progress.begin_epoch(record)
        self.plateau, before = self.plateau.after(record.monitored), self.plateau
        if self.plateau.rate != before.rate:
            self.runner.optimizer.learning_rate = self.plateau.rate
        if self.runner.world.rank == 0:
            write_epoch(self.scratch, record)
            self.board.write(record)
        self.callbacks.end_epoch(record)
        return self._agree()

    def _record(self) -> EpochRecord:
        runner, progress = self.runner, self.progress
        metrics = runner.training.finish(runner.world)
        if sum(self.validation.feed.plan.shard_rows):
            metrics |= {f"val_{name}": value for name, value in runner.validation.finish(runner.world).items()}
        monitored = metrics.get("val_loss", metrics["loss"])
        if not math.isfinite(metrics["loss"]) or not math.isfinite(monitored):
            raise TrainError(
                f"The loss is not finite after epoch {progress.epoch + 1} (training {metrics['loss']}, monitored "
                f"{monitored}). {REMEDY}{self.checkpoints.latest_kept()}"
            )
        self.early_stopping = self.early_stopping.after(progress.epoch, monitored)
        return EpochRecord(
            epoch=progress.epoch + 1,
            metrics=metrics,
            rows=sum(self.training.feed.plan.shard_rows),
            seconds=progress.seconds,
            input_seconds=progress.input_seconds,
            best=self.early_stopping.is_best(progress.epoch),
        )

    @property
    def _is_finite(self) -> bool:
        """Of this rank's losses and the common gradient: an activation may hide a NaN that the gradient shows."""
        norms = [variable.numpy() for variable in self.runner.optimizer.norms.variables]
        return self.runner.training.is_finite and bool(np.isfinite(norms).all())

    def _agree(self, *, save: bool = False) -> bool:
        """Agree with the other ranks on what to do now, and do it; False where all ranks stop."""
        progress = self.progress
        decision = self._consensus.agree(
            save=save or self.checkpoints.is_time(),
            stop=self.runner.world.rank == 0 and stop_requested(self.scratch),
            end=self.callbacks.want_end,
            broken=not self._is_finite,
        )
        progress.ended = progress.ended or decision.end
        if decision.broken:
            raise TrainError(
                f"The loss or its gradient is not finite after step {progress.step} of epoch {progress.epoch + 1}. "
                f"{REMEDY}{self.checkpoints.latest_kept()}"
            )
        if decision.save or decision.stop:
            report_activity("takes a checkpoint")
            self.checkpoints.save(progress, self.runner, self.callbacks)
        return not decision.stop

    def _timed(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The same blocks; the time spent waiting for them is added to `progress.input_seconds`."""
        while True:
            start = time.monotonic()
            report_activity("waits for rows")
            block = next(blocks, None)
            self.progress.input_seconds += time.monotonic() - start
            if block is None:
                return
            report_activity("trains")
            yield block
