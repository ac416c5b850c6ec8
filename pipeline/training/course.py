"""Where a training is: what goes on from one block of steps to the next, beside weights and optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.training.checkpoint import Array, Checkpoint, CheckpointHead
from pipeline.training.records import EpochRecord


@dataclass
class Course:
    """A training that goes on.

    Attributes:
        steps: of an epoch.
        epoch: in progress, counted from 0.
        step: of that epoch, which comes next.
        seconds: that this epoch has trained.
        input_seconds: of these, how long the model waited for rows.
        history: of the epochs before.
        ended: whether callbacks found that it was trained enough.
        best: weights of the best epoch; empty before the first one's end.
        resumed: where it went on from, for people; None where it began.
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
        """Leave an epoch that is finished."""
        self.history = (*self.history, record)
        self.epoch, self.step, self.seconds, self.input_seconds = self.epoch + 1, 0, 0.0, 0.0

    def head(
        self, identity: str, ranks: int, *, learning_rate: float | None, callbacks: dict[str, str]
    ) -> CheckpointHead:
        """What a checkpoint tells of it."""
        return CheckpointHead(
            identity=identity,
            ranks=ranks,
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


def course_of(checkpoint: Checkpoint, steps: int) -> Course:
    """A course that goes on from a checkpoint.

    An epoch that was cut into other steps, since the batch size or the data were another, begins anew.
    """
    head = checkpoint.head
    within = head.steps == steps
    return Course(
        steps=steps,
        epoch=head.epoch,
        step=head.step if within else 0,
        seconds=head.seconds if within else 0.0,
        input_seconds=head.input_seconds if within else 0.0,
        history=head.history,
        ended=head.ended,
        best=checkpoint.best,
        resumed=head.place(),
    )
