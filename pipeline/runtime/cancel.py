"""Spark jobs do not outlive the work that they were started for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def cancelling(spark: SparkSession) -> Iterator[None]:
    """Cancel the Spark jobs that this thread started in the block and that still run when it raises.

    Those of other users of the session go on. Inside of `scratch`, it keeps tasks from writing to a folder that is
    being removed.
    """
    context, tag = spark.sparkContext, f"pipeline-{uuid.uuid4().hex}"
    context.addJobTag(tag)
    try:
        yield
    except BaseException:
        # Java may be gone, or Spark stopped; what passes here tells why.
        with suppress(Exception):
            context.cancelJobsWithTag(tag)
        raise
    finally:
        with suppress(Exception):
            context.removeJobTag(tag)
