"""Runs one function as W ranks: the tasks of a Spark barrier stage, or this process if W is 1.

A barrier stage starts all its tasks together or not at all, in Spark's own Python workers, which it reuses: in a second
launch, TensorFlow is imported already. When a task dies, Spark ends the stage and with it the other ranks.

A rank's function is named, not sent: the driver need not import TensorFlow to launch a training run. It takes the
payload and its `RankInfo`, and returns text.
"""

from __future__ import annotations

import gc
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import psutil

from pipeline.errors import PipelineError, TrainError, full_disk_error
from pipeline.runtime.failures import failures_recorded, first_cause, message_of
from pipeline.runtime.heartbeats import Heartbeat, read_heartbeats, sending_heartbeats
from pipeline.runtime.quiet import import_quietly, quiet_environment
from pipeline.runtime.rank_info import ALONE, RankInfo, rank_info_of
from pipeline.runtime.rank_watch import RankWatch
from pipeline.runtime.stall_detector import Limits, StallDetector
from pipeline.runtime.stderr_filter import filtered_standard_error
from pipeline.runtime.stopped_ranks import kill_stopped
from pipeline.store.filesystem import StoragePath, storage_path

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

WORKER_MEMORY = 4 << 30

Target = Callable[[str, RankInfo], str]
"""The function of a rank: from the payload to an answer."""


@dataclass(frozen=True)
class LaunchOptions:
    """How the driver runs and watches the ranks of a launch.

    Attributes:
        limits: time limits of the ranks.
        worker_memory: resident bytes beyond which a Python worker is not reused for another launch.
        always_on_spark: whether a single rank runs as a Spark task too, and not in this process.
        on_heartbeats: called with the latest heartbeats of all ranks, twice a second, from another thread.
    """

    limits: Limits = field(default_factory=Limits)
    worker_memory: int = WORKER_MEMORY
    always_on_spark: bool = False
    on_heartbeats: Callable[[Mapping[int, Heartbeat]], None] | None = None


def run_ranks(
    spark: SparkSession,
    workers: int,
    target: str,
    *,
    payload: str,
    scratch: StoragePath,
    options: LaunchOptions | None = None,
) -> list[str]:
    """Run `target` on every rank.

    Args:
        spark: the session; its task slots are checked by `check_slots`.
        workers: number of ranks.
        target: `package.module:function`, from (payload, RankInfo) to text.
        payload: the same text for every rank.
        scratch: a folder that driver and ranks share.
        options: None takes the defaults.

    Returns:
        The texts that the ranks returned, by rank.

    Raises:
        PipelineError: the first cause of a failure, as its rank raised it; `RankLost` where a rank died or stalled.
    """
    options = options or LaunchOptions()
    if workers == 1 and not options.always_on_spark:
        return [_run_here(target, payload)]
    launch = scratch.child("launches", uuid.uuid4().hex)
    uri, bound = launch.uri, options.worker_memory
    context = spark.sparkContext
    context.setJobDescription(f"{target.rpartition(':')[2]} on {workers} ranks")
    watch = RankWatch(launch, StallDetector(workers, options.limits), options.on_heartbeats)
    try:
        # A list, because a range would be generated in the workers: a task must have input to leave unread, see below.
        stage = context.parallelize([*range(workers)], workers).barrier()
        with _tagged(context) as tag, watch.until_failure(lambda: context.cancelJobsWithTag(tag)):
            answers = stage.mapPartitions(lambda rows: _run_task(rows, target, payload, uri, bound)).collect()
    except Exception as error:
        kill_stopped(context, read_heartbeats(launch).values())
        raise watch.failure or first_cause(launch, error, workers) from error
    finally:
        context.setJobDescription(None)  # type: ignore[arg-type]
    return [text for _, text in sorted(answers)]


@contextmanager
def _tagged(context: SparkContext) -> Iterator[str]:
    """Tag the Spark jobs that this thread starts in the block."""
    tag = f"ranks-{uuid.uuid4().hex}"
    context.addJobTag(tag)
    try:
        yield tag
    finally:
        with suppress(Exception):  # Java may be gone
            context.removeJobTag(tag)


def load_function(target: str) -> Any:
    """The function that `package.module:function` names."""
    module, _, name = target.partition(":")
    return getattr(import_quietly(module), name)


def _run_here(target: str, payload: str) -> str:
    """Run in this process; an error becomes the one that a rank on Spark would cause."""
    try:
        return cast(Target, load_function(target))(payload, ALONE)
    except PipelineError as error:
        error.args = (message_of(error),)
        raise
    except Exception as error:
        if isinstance(error, OSError) and (full := full_disk_error(str(error))):
            raise full from error
        raise TrainError(f"{target.rpartition(':')[2]} failed: {type(error).__name__}: {message_of(error)}") from error


def _run_task(
    rows: Iterable[int], target: str, payload: str, launch_uri: str, worker_memory: int
) -> Iterator[tuple[int, str]]:
    from pyspark import BarrierTaskContext

    context, launch = BarrierTaskContext.get(), storage_path(launch_uri)
    info = rank_info_of(context, launch_uri)
    quiet_environment()
    # The filter is the outermost, so that it passes on what the others write when they end. The record of a failure is
    # the innermost, so that it is written before anything else of this rank ends.
    with (
        filtered_standard_error(f"[rank {info.rank}] "),
        sending_heartbeats(launch, info.rank, context.partitionId(), info.hosts[info.rank]),
        failures_recorded(launch, info.rank),
    ):
        work = cast(Target, load_function(target))
        if not gc.get_freeze_count():
            # Libraries stay loaded: searching their 440,000 objects for garbage took 0.1 to 0.2 s per training run.
            gc.freeze()
        answer = work(payload, info)
    yield info.rank, answer
    if psutil.Process().memory_info().rss <= worker_memory:
        for _ in rows:  # Spark ends a worker whose task left its input unread, and keeps the others for later tasks
            pass
