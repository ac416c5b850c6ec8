"""When checkpoints are taken."""

from __future__ import annotations

import time

from pipeline.config.checkpoint import CheckpointConfig
from pipeline.errors import TrainError
from pipeline.training.callbacks import Callbacks
from pipeline.training.checkpoints.format import Checkpoint
from pipeline.training.checkpoints.ranks import METRICS, gather_state, is_finite
from pipeline.training.checkpoints.writer import CheckpointWriter
from pipeline.training.job import RankJob
from pipeline.training.progress import TrainingProgress
from pipeline.training.step_runner import StepRunner


class CheckpointPolicy:
    """Takes checkpoints of all ranks, which rank 0 writes. Without a writer, none are taken."""

    def __init__(
        self,
        job: RankJob,
        writer: CheckpointWriter | None,
        learning_rate: float | None,
        resumed: Checkpoint | None,
    ) -> None:
        """The clock of `every_seconds` starts.

        Args:
            job: its settings, and the folder for messages.
            writer: there is one on every rank, though only rank 0 writes with it.
            learning_rate: the rate that the finder chose, kept in checkpoints.
            resumed: the checkpoint that this run resumes from.
        """
        self._config = job.train.checkpoint or CheckpointConfig(every_seconds=None)
        self._identity, self._writer, self._learning_rate = job.identity(), writer, learning_rate
        folder = job.open_checkpoints()
        self._path = folder.path if folder else ""
        self._latest = resumed.head.position() if resumed else None
        self._since = time.monotonic()

    def is_due_between(self, first: int, last: int) -> bool:
        """Whether `every_steps` asks for a checkpoint after the steps from `first` on; the same on every rank."""
        every = self._config.every_steps
        return every is not None and first // every != last // every

    def is_time(self) -> bool:
        """Whether `every_seconds` asks for one by this rank's clock, so that ranks have to agree first."""
        every = self._config.every_seconds
        return self._writer is not None and every is not None and time.monotonic() - self._since >= every

    def save(self, progress: TrainingProgress, runner: StepRunner, callbacks: Callbacks) -> None:
        """Take a checkpoint; every rank calls this after the same step, since it contains collectives.

        Raises:
            TrainError: on every rank, because a weight is not finite; the earlier checkpoints are kept.
            StoreError: on rank 0, because the previous checkpoint could not be written.
        """
        if self._writer is None:
            return
        state = runner.state()
        # Before the collectives of `gather_state`. Weights are the same on every rank, so all raise or none; a rank
        # that raised alone would leave the world, which ends the collectives of the others. Sums of metrics do differ;
        # they were checked when the ranks agreed.
        if not is_finite({name: array for name, array in state.items() if not name.startswith(METRICS)}):
            raise TrainError(
                f"A weight is not finite after step {progress.step} of epoch {progress.epoch + 1}. "
                f"Lower train.optimizer.learning_rate, or scale the features.{self.latest_kept()}"
            )
        head = progress.checkpoint_head(
            self._identity, runner.world, learning_rate=self._learning_rate, callbacks=callbacks.state()
        )
        checkpoint = gather_state(state, progress.best, head, runner.world)
        if runner.world.rank == 0:
            self._writer.write(checkpoint)
        self._latest, self._since = head.position(), time.monotonic()

    def latest_kept(self) -> str:
        """A sentence for an error message, preceded by a space; empty where no checkpoint was taken."""
        return f" The checkpoint of {self._latest} is kept in {self._path}." if self._latest else ""
