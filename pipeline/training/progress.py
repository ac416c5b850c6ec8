"""The progress of a training run: everything that changes from block to block besides weights and optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.training.checkpoints.format import Array, Checkpoint, CheckpointHead
from pipeline.training.records import EpochRecord
from pipeline.training.world import World


@dataclass
class TrainingProgress:
    """The position in a run, and what its epochs so far have left.

    Attributes:
        steps: the number of global steps of an epoch.
        epoch: the epoch in progress, counted from 0.
        step: the next step of that epoch, counted from 0.
        seconds: the training time of this epoch so far.
        input_seconds: how much of it this rank's model waited for rows.
        history: the records of finished epochs.
        ended: whether a callback of the user has asked for the end of training.
        best: the weights of the best epoch, in the network's order; empty before the first epoch has ended.
        resumed: the position of the checkpoint that this run resumed from, for messages; None where it did not resume.
    """

    steps: int
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    input_seconds: float = 0.0
    history: tuple[EpochRecord, ...] = ()
    ended: bool = False
    best: Sequence[Array] = field(default_factory=tuple)
    resumed: str | None = None

    def begin_epoch(self, record: EpochRecord) -> None:
        """Count an epoch as finished, and move to the next one."""
        self.history = (*self.history, record)
        self.epoch, self.step, self.seconds, self.input_seconds = self.epoch + 1, 0, 0.0, 0.0

    def checkpoint_head(
        self, identity: str, world: World, *, learning_rate: float | None, callbacks: dict[str, str]
    ) -> CheckpointHead:
        """Everything of a checkpoint but its arrays; arguments as in `CheckpointHead`."""
        return CheckpointHead(
            identity=identity,
            ranks=world.size,
            summation=world.summation,
            steps=self.steps,
            epoch=self.epoch,
            step=self.step,
            seconds=self.seconds,
            input_seconds=self.input_seconds,
            history=self.history,
            ended=self.ended,
            learning_rate=learning_rate,
            callbacks=callbacks,
        )


def resumed_progress(checkpoint: Checkpoint, steps: int) -> TrainingProgress:
    """The progress of a run that resumes from a checkpoint.

    An epoch with another number of steps, because of another batch size or other data, restarts.
    """
    head = checkpoint.head
    continues = head.steps == steps
    return TrainingProgress(
        steps=steps,
        epoch=head.epoch,
        step=head.step if continues else 0,
        seconds=head.seconds if continues else 0.0,
        input_seconds=head.input_seconds if continues else 0.0,
        history=head.history,
        ended=head.ended,
        best=checkpoint.best,
        resumed=head.position(),
    )
