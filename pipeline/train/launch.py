"""Starts a training on its ranks and follows it, from the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import TrainError
from pipeline.runtime.ranks import run_ranks
from pipeline.train.job import RankJob, RankResult
from pipeline.train.records import EpochRecord
from pipeline.train.watch import watch_epochs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TARGET = "pipeline.train.entry:run"


def launch_training(
    spark: SparkSession, job: RankJob, on_epoch: Callable[[EpochRecord], None]
) -> tuple[RankResult, list[EpochRecord]]:
    """Train on `job.train.workers` ranks.

    Args:
        spark: a session with as many task slots.
        job: the same for every rank.
        on_epoch: called with each epoch's record, while the training runs.

    Returns:
        The ranks' common result, and the history.

    Raises:
        TrainError: a rank failed, or the ranks ended with different weights.
    """
    scratch = job.open_scratch()
    with watch_epochs(scratch, on_epoch) as watch:
        answers = run_ranks(spark, job.train.workers, TARGET, payload=job.to_json(), scratch=scratch)
    results = [RankResult.from_json(answer, "a rank's answer") for answer in answers]
    if len(watch.history) != results[0].epochs:
        raise TrainError(
            f"{len(watch.history)} of {results[0].epochs} epochs' records arrived in {scratch.path}. "
            "Driver and executors must see the same storage.root."
        )
    if len({result.weights for result in results}) != 1:
        raise TrainError(
            f"The ranks ended with different weights: {', '.join(r.weights[:12] for r in results)}. "
            "Check that all hosts have the same library versions and processor type."
        )
    return results[0], watch.history
