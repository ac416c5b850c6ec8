"""Starts a training run on its ranks and follows it, from the driver."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pipeline.errors import TrainError
from pipeline.runtime.failures import RankLost
from pipeline.runtime.heartbeats import Heartbeat
from pipeline.runtime.ranks import LaunchOptions, run_ranks
from pipeline.runtime.stall_detector import Limits
from pipeline.training.epoch_follower import follow_epochs
from pipeline.training.job import RankJob, RankResult
from pipeline.training.records import EpochRecord

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TARGET = "pipeline.training.entry:run"
EXCHANGES = {
    "shared_memory": "through shared memory",
    "horovod": "by Horovod",
    "hosts": "through shared memory on each host, and by Horovod between hosts",
}

logger = logging.getLogger(__name__)


def launch_training(
    spark: SparkSession,
    job: RankJob,
    on_epoch: Callable[[EpochRecord], None],
    on_heartbeats: Callable[[Mapping[int, Heartbeat]], None] | None = None,
    *,
    always_on_spark: bool = False,
) -> tuple[RankResult, list[EpochRecord]]:
    """Train on `job.train.workers` ranks; restart from the latest checkpoint where a rank's process was lost.

    Args:
        spark: a session with as many task slots.
        job: the same for every rank.
        on_epoch: called with each epoch's record during training, from another thread.
        on_heartbeats: called with the latest heartbeats of all ranks, twice a second, from another thread, where there
            are several ranks.
        always_on_spark: never train in this process, where other runs may be followed at the same time.

    Returns:
        The ranks' common result, and the history.

    Raises:
        TrainError: a rank failed, or the ranks ended with different weights.
    """
    scratch = job.open_scratch()
    with follow_epochs(scratch, on_epoch) as follower:
        limits = Limits(job.train.start_seconds, job.train.stall_seconds)
        answers = _launch(
            spark, job, LaunchOptions(limits, on_heartbeats=on_heartbeats, always_on_spark=always_on_spark)
        )
    results = [RankResult.from_json(answer, "a rank's answer") for answer in answers]
    if len(follower.history) != results[0].epochs:
        raise TrainError(
            f"Records of {len(follower.history)} of {results[0].epochs} epochs arrived in {scratch}. "
            "Driver and executors must see the same storage.root."
        )
    if len({result.weights for result in results}) != 1:
        raise TrainError(
            f"The ranks ended with different weights: {', '.join(r.weights[:12] for r in results)}. "
            "Check that all hosts have the same library versions and processor type."
        )
    if way := EXCHANGES.get(results[0].exchange):
        logger.info("%d ranks exchanged tensors %s.", len(results), way)
    return results[0], follower.history


def _launch(spark: SparkSession, job: RankJob, options: LaunchOptions) -> list[str]:
    """The ranks' answers; see `train.max_restarts`."""
    restarts = 0
    while True:
        try:
            return run_ranks(
                spark, job.train.workers, TARGET, payload=job.to_json(), scratch=job.open_scratch(), options=options
            )
        except RankLost as error:
            if restarts == job.train.max_restarts and job.train.checkpoint is None:
                raise
            if restarts == job.train.max_restarts:
                raise RankLost(f"{error} The same command resumes the run from its last checkpoint.") from error
            restarts += 1
            logger.warning("%s Relaunching the ranks (%d of %d).", error, restarts, job.train.max_restarts)
