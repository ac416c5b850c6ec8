"""A training run from its scratch folder to its last epoch: of the train stage, a fold or a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import TrainError
from pipeline.formatting import counted
from pipeline.runtime.cancel import cancelling
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import LOCK, checkpoints_folder, tensorboard_folder
from pipeline.store.lock import exclusive
from pipeline.store.publish import scratch
from pipeline.training.checkpoints.format import CheckpointHead
from pipeline.training.checkpoints.resume import open_checkpoints, open_fold_checkpoints
from pipeline.training.history import TrainingHistory
from pipeline.training.job import RankJob, RankResult
from pipeline.training.launch import launch_training
from pipeline.training.records import EpochRecord, request_stop
from pipeline.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RequestStop = Callable[[], None]
"""Asks the ranks to stop after their next steps; may be called by any thread, and more than once."""


def _ignore(_: object) -> None:
    pass


def _never(_: RequestStop) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class TrainingHooks:
    """What the driver does while the ranks train.

    Attributes:
        on_epoch: called with the record of each epoch, in order, by a thread that follows the ranks.
        on_heartbeats: called with the latest heartbeats of all ranks, twice a second; None ignores them.
        on_resume: called before the launch with the head of the checkpoint to resume from.
        stoppable: a context around the run, given the function that stops it early.
    """

    on_epoch: Callable[[EpochRecord], None] = _ignore
    on_heartbeats: Callable[[Mapping[int, Heartbeat]], None] | None = None
    on_resume: Callable[[CheckpointHead], None] = _ignore
    stoppable: Callable[[RequestStop], AbstractContextManager[None]] = _never


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training run ended.

    Attributes:
        result: the result on which all ranks agree.
        history: the records of its epochs.
        folder: the scratch folder that rank 0 wrote the model to.
    """

    result: RankResult
    history: TrainingHistory
    folder: StoragePath

    def require_finished(self, subject: str) -> None:
        """Check that the run was not stopped early.

        Args:
            subject: what was trained, as the first word of the message.

        Raises:
            TrainError: the run was stopped.
        """
        if self.result.stopped:
            raise TrainError(
                f"{subject} was stopped after {counted(self.result.epochs, 'epoch')}. Run the same command again to "
                "resume it."
            )


@contextmanager
def run_training(
    spark: SparkSession, root: StoragePath, spec: TrainingSpec, hooks: TrainingHooks, *, always_on_spark: bool = False
) -> Iterator[TrainingOutcome]:
    """Train on `spec.train.workers` ranks; the caller's block publishes the model before the scratch folder is removed.

    Checkpoints are removed when the block succeeds. If it raises, they are kept, and the same spec resumes from them.

    Args:
        spark: a session with as many free task slots.
        root: the storage root.
        spec: what is trained.
        hooks: what the driver does meanwhile.
        always_on_spark: never train in this process, because the driver follows other training runs at the same time.

    Raises:
        ConfigError: an interrupted training run of this experiment had other data or settings, or another job is
            training it.
        TrainError: a rank failed, or the ranks ended with different weights.
    """
    # These close in reverse order: Spark's tasks are cancelled before the folder that they write to is removed.
    with (
        _alone(root, spec),
        scratch(root) as folder,
        cancelling(spark),
        hooks.stoppable(lambda: request_stop(folder)),
    ):
        job = _rank_job(root, spec, folder, hooks.on_resume)
        result, records = launch_training(
            spark, job, hooks.on_epoch, hooks.on_heartbeats, always_on_spark=always_on_spark
        )
        history = TrainingHistory(epochs=tuple(records), best_epoch=result.best_epoch, workers=spec.train.workers)
        yield TrainingOutcome(result, history, folder)
        job.remove_checkpoints()


def _alone(root: StoragePath, spec: TrainingSpec) -> AbstractContextManager[None]:
    """Keep out other training runs whose checkpoints or model this one would share; trials have neither."""
    if not spec.saves and spec.train.checkpoint is None:
        return nullcontext()
    folder = checkpoints_folder(root, spec.name)
    if spec.is_fold:  # those of an experiment train at the same time
        folder = folder.sibling(f".{spec.model_id}")
    what = f"is training '{spec.name}' under {root}"
    return exclusive(folder.sibling(LOCK), what, "set another name, or another storage.root, for one of them")


def _rank_job(
    root: StoragePath, spec: TrainingSpec, folder: StoragePath, on_resume: Callable[[CheckpointHead], None]
) -> RankJob:
    """The work of every rank, with the checkpoints that it resumes from."""
    board = tensorboard_folder(root, spec.name, spec.model_id).uri if spec.train.tensorboard else None
    job = RankJob(
        root=root.uri,
        name=spec.name,
        store_id=spec.store_id,
        scratch=folder.uri,
        tensorboard=board,
        model=spec.model,
        train=spec.train,
        seed=spec.seed,
        decision_config=spec.decision_config,
        formats=spec.formats,
        saves=spec.saves,
        follow_up=spec.follow_up,
    )
    config = spec.train.checkpoint
    if config is None:
        return job
    if spec.is_fold:
        checkpoints, head = open_fold_checkpoints(root, spec.name, spec.model_id, config=config)
    else:
        checkpoints, head = open_checkpoints(root, spec.name, spec.model_id, config=config, identity=job.identity())
    if head is not None:
        on_resume(head)
    return job.model_copy(update={"checkpoints": checkpoints.uri})
