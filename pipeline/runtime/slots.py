"""Whether Spark can run all ranks of a training run at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import PlatformError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

EXECUTORS_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.5


def check_slots(
    spark: SparkSession,
    workers: int,
    *,
    settings: Sequence[str] = ("train.workers",),
    wait_seconds: float = EXECUTORS_WAIT_SECONDS,
) -> None:
    """Check that `workers` tasks can run at the same time, of one barrier stage or of several.

    Args:
        spark: the session that will run them, with a SparkContext in this process.
        workers: the number of ranks; a single one needs no slot, because it trains in the job's own process.
        settings: names of the settings whose product `workers` is, for messages.
        wait_seconds: how long a cluster's executors may take to register; a local master is never waited for.

    Raises:
        PlatformError: the session cannot run barrier stages, or has too few slots.
    """
    if workers <= 1:
        return
    context = _context(spark)
    master = context.master or ""
    if context.getConf().get("spark.dynamicAllocation.enabled", "false") == "true":
        raise PlatformError(
            "Training with several workers needs a fixed number of executors; this Spark session allocates them "
            "dynamically. Set spark.conf: {spark.dynamicAllocation.enabled: false} before it starts, or set "
            "train.workers: 1."
        )
    # A local master has all its slots from the start; executors of a cluster register one by one.
    slots = _wait_for_slots(context, workers, 0.0 if master.startswith("local") else wait_seconds)
    if slots < workers:
        raise PlatformError(_too_few(master, slots, workers, settings))


def _context(spark: SparkSession) -> SparkContext:
    """The session's SparkContext, alive."""
    context = spark.sparkContext
    if context._jsc is None or context._jsc.sc().isStopped():
        raise PlatformError("The Spark session is stopped. Open a new one, or pass none and let the job open its own.")
    return context


def _wait_for_slots(context: SparkContext, workers: int, wait_seconds: float) -> int:
    """The number of slots, as soon as it suffices or the wait is over."""
    end = time.monotonic() + wait_seconds
    while (slots := _slots(context)) < workers and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return slots


def _slots(context: SparkContext) -> int:
    """The number that Spark itself compares with the size of a barrier stage."""
    java: Any = context._jsc
    profile = java.sc().resourceProfileManager().defaultResourceProfile()
    return int(java.sc().maxNumConcurrentTasks(profile))


def _too_few(master: str, slots: int, workers: int, settings: Sequence[str]) -> str:
    has = f"has {slots} task slot{'' if slots == 1 else 's'}"
    option = f"local[{workers}] (--set spark.master=local[{workers}], or spark-submit --master local[{workers}])"
    remedy = f"set spark.master: {option}" if master.startswith("local") else "give the cluster more cores"
    asked, lower = " times ".join(settings), " or ".join(settings)
    return f"{asked} is {workers}, but the Spark master '{master}' {has}. Lower {lower}, or {remedy}."
