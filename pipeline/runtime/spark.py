"""The Spark session: opened here, or derived from a running one, and closed only if it was opened here.

Settings in increasing precedence: ours below, those of the Spark installation and of spark-submit, `spark.conf` of the
configuration. A session that is already running (a notebook's, or another job's in this process) keeps its settings: we
work in a second session that shares its executors.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from pipeline.config.run import SparkConfig
from pipeline.errors import PlatformError
from pipeline.runtime.java_process import end_java, is_local, start_java
from pipeline.runtime.signals import preserving_interrupt_handler

log = logging.getLogger(__name__)

OWNED = "spark.pipeline.owned"
"""The setting that marks sessions that this module opened, and may close."""

NO_CONNECT = (
    "This is a Spark Connect session (serverless and shared compute also give one), which has no SparkContext. Use a "
    "dedicated (single-user) cluster or a local master; outside of those, unset SPARK_REMOTE."
)

SESSION_DEFAULTS = {
    # Timestamps mean the same on every machine.
    "spark.sql.session.timeZone": "UTC",
    # Columns travel between Java and Python as blocks, not as pickled rows.
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Java never compiles a method of more than 8,000 bytes. With Spark's own limit of 65,535, writing 18 columns ran as
    # one method that was interpreted: 29 s of processor time for 2,000,000 rows, and 5 s in smaller methods.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # Spark would derive from each projection what holds of its columns, at a cost that grows exponentially where
    # expressions are built on each other: the drift of twelve scored columns was planned for 75 s, and ran for 1 s.
    "spark.sql.constraintPropagation.enabled": "false",
}
STATIC_DEFAULTS = {
    OWNED: "true",
    # PySpark would note the line of Python behind every part of every expression, by four more calls to Java each.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # Barrier stages, which hold the ranks, are refused with dynamic allocation, and a speculative copy of a rank
    # would be one rank too many.
    "spark.dynamicAllocation.enabled": "false",
    "spark.speculation": "false",
    # Too few slots for a barrier stage is said after seconds; the default is ten minutes.
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "1s",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "5",
    # Jobs from several driver threads share the slots, instead of waiting for each other.
    "spark.scheduler.mode": "FAIR",
    # Arrow would warn of the buffers that it gets from Spark, as in this process; see `quiet`.
    "spark.executorEnv.ACERO_ALIGNMENT_HANDLING": "reallocate",
    # One listener less; `spark.conf` switches it on.
    "spark.ui.enabled": "false",
}
LOCAL_DEFAULTS = {
    # 200, the default, is for clusters: on one machine most of them would be empty tasks. The number does not follow
    # the cores, so that sums of floats, whose order it decides, come out alike on every machine.
    "spark.sql.shuffle.partitions": "16",
}


def open_session(config: SparkConfig, *, app: str, workers: int = 1) -> SparkSession:
    """A session to work in: one beside the running session, if there is one, else a new one.

    Args:
        config: the section `spark`.
        app: the name that the Spark UI shows.
        workers: the number of task slots that training will need at the same time.

    Raises:
        PlatformError: there is no suitable Java, Spark does not start, or the running session is a Spark Connect one.
    """
    live = _running_session()
    if live is not None:
        refuse_connect(live)
        return live if is_owned(live) else _beside(live)
    for kind in ("SQL", "DataFrame"):  # PySpark logs the query of an error in its own format, though the error has it
        PySparkLogger.getLogger(f"{kind}QueryContextLogger").setLevel(logging.CRITICAL)
    try:
        start_java(config)
        conf = _settings(config, app, workers)
        with preserving_interrupt_handler():
            context = SparkContext(conf=conf)
        accumulators: Any = context._accumulatorServer
        accumulators.handle_error = _log_lost_connection
    except (PySparkException, Py4JError) as error:
        cause = _cause(error)
        end_java()
        raise PlatformError(f"Spark did not start: {cause}. Check spark.master and spark.conf.") from error
    return SparkSession(context)


def _log_lost_connection(_request: object, address: object) -> None:
    """Log what the server of PySpark's accumulators would print with a traceback when Java is killed."""
    log.debug("The connection of accumulators to %s was lost", address, exc_info=True)


def close_session() -> None:
    """Cancel the jobs of the session that `open_session` opened, and stop it with its Java process.

    A session that was started elsewhere is left alone.
    """
    context = SparkContext._active_spark_context
    # A Java process that was killed no longer answers; there is nothing left to close then.
    with suppress(Py4JError, OSError):
        if context is None or context.getConf().get(OWNED) is None:
            return
        context.cancelAllJobs()
        SparkSession(context).stop()
    end_java()


def refuse_connect(spark: SparkSession) -> None:
    """Check that a session has a SparkContext in this process, which lists files and launches ranks.

    Raises:
        PlatformError: it is a Spark Connect session, which has none.
    """
    if type(spark).__module__.startswith("pyspark.sql.connect"):
        raise PlatformError(NO_CONNECT)


def is_owned(spark: SparkSession) -> bool:
    """Whether `open_session` opened the session."""
    return spark.conf.get(OWNED, None) is not None


def _running_session() -> SparkSession | None:
    if "SPARK_REMOTE" in os.environ:
        raise PlatformError(NO_CONNECT)
    if SparkContext._active_spark_context is not None:
        return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    return SparkSession.getActiveSession()


def _beside(live: SparkSession) -> SparkSession:
    """A session that shares the executors of `live`, but not its SQL settings."""
    ours = live.newSession()
    for key, value in SESSION_DEFAULTS.items():
        ours.conf.set(key, value)
    return ours


def _settings(config: SparkConfig, app: str, workers: int) -> SparkConf:
    """All settings of a new session. Java runs already, so those of the installation and of spark-submit are loaded."""
    conf = SparkConf().setAppName(app)
    master = config.master or _default_master(conf, workers)
    conf.setMaster(master)
    defaults = SESSION_DEFAULTS | STATIC_DEFAULTS | (LOCAL_DEFAULTS if is_local(master) else {})
    for key, value in defaults.items():
        conf.setIfMissing(key, value)
    conf.setAll([*config.conf.items()])
    if is_local(master) or master.startswith("spark://"):
        # The workers must run the very Python, with the very packages, that the driver runs.
        os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", sys.executable) or sys.executable)
    return conf


def _default_master(conf: SparkConf, workers: int) -> str:
    given = conf.get("spark.master")
    # Spark's default, where nothing is configured, is local[*].
    if given and given != "local[*]":
        return given
    return f"local[{max(os.cpu_count() or 1, workers)}]"


def _cause(error: Exception) -> str:
    text = str(getattr(error, "java_exception", None) or error)
    if "JAVA_GATEWAY_EXITED" in text:
        return "its Java process exited at once; see its message above"
    return next((line.strip().rstrip(".") for line in text.splitlines() if line.strip()), type(error).__name__)
