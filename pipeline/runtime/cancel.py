"""Cancels Spark jobs: those of a block that fails, or of another thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def cancellable(spark: SparkSession) -> Iterator[Callable[[], None]]:
    """Yield a function by which any thread cancels the Spark jobs that this thread started in the block and that run.

    Jobs of other users of the session are not affected.
    """
    context, tag = spark.sparkContext, f"pipeline-{uuid.uuid4().hex}"

    def cancel() -> None:
        # Java may have died, or Spark stopped; whoever cancels has an error of his own to report.
        with suppress(Exception):
            context.cancelJobsWithTag(tag)

    context.addJobTag(tag)
    try:
        yield cancel
    finally:
        with suppress(Exception):
            context.removeJobTag(tag)


@contextmanager
def cancelling(spark: SparkSession) -> Iterator[None]:
    """Cancel the Spark jobs that this thread started in the block and that are still running when it raises.

    Within `scratch`, this keeps tasks from writing to a folder that is being removed.
    """
    with cancellable(spark) as cancel:
        try:
            yield
        except BaseException:
            cancel()
            raise
