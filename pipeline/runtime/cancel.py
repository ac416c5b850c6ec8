"""Cancels the Spark jobs of a block that fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def cancelling(spark: SparkSession) -> Iterator[None]:
    """Cancel the Spark jobs that this thread started in the block and that are still running when it raises.

    Jobs of other users of the session are not affected. Within `scratch`, this keeps tasks from writing to a folder
    that is being removed.
    """
    context, tag = spark.sparkContext, f"pipeline-{uuid.uuid4().hex}"
    context.addJobTag(tag)
    try:
        yield
    except BaseException:
        # Java may have died, or Spark stopped; the exception in progress says why.
        with suppress(Exception):
            context.cancelJobsWithTag(tag)
        raise
    finally:
        with suppress(Exception):
            context.removeJobTag(tag)
