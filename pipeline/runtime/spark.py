"""The Spark session: opened here, or taken over from a notebook, and closed by whoever opened it.

Settings, the later ones winning: ours below, those of the Spark installation and of spark-submit, then
`spark.conf` of the configuration. A session that was already running (a notebook, another job in this process) keeps
its settings: we work beside it in a session of our own, which shares its executors.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from pipeline.config.run import SparkConfig
from pipeline.errors import PlatformError
from pipeline.runtime.java import find_java
from pipeline.runtime.relay import open_relay
from pipeline.runtime.signals import interrupt_handler_kept
from pipeline.runtime.slots import check_slots, is_classic
from pipeline.runtime.streams import in_spark_submit

__all__ = ["check_slots", "close_session", "is_classic", "is_owned", "open_session"]

OWNED = "spark.pipeline.owned"
"""Marks the sessions that this module opened, and may close."""

JAVA_END_SECONDS = 10

SESSION_DEFAULTS = {
    # Timestamps mean the same on every machine.
    "spark.sql.session.timeZone": "UTC",
    # Columns travel between Java and Python as blocks, not as pickled rows.
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
STATIC_DEFAULTS = {
    OWNED: "true",
    # Barrier stages, which hold the ranks, are refused with dynamic allocation, and a speculative copy of a rank
    # would be one rank too many.
    "spark.dynamicAllocation.enabled": "false",
    "spark.speculation": "false",
    # Too few slots for a barrier stage is said after seconds; the default is ten minutes.
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "1s",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "5",
    # Jobs from several driver threads share the slots, instead of waiting for each other.
    "spark.scheduler.mode": "FAIR",
    # One listener less; `spark.conf` switches it on.
    "spark.ui.enabled": "false",
}
LOCAL_DEFAULTS = {
    # 200, the default, is for clusters: on one machine most of them would be empty tasks. The number does not follow
    # the cores, so that sums of floats, whose order it decides, come out alike on every machine.
    "spark.sql.shuffle.partitions": "16",
}


def open_session(config: SparkConfig, *, app: str, workers: int = 1) -> SparkSession:
    """A session to work in: the running one's twin where there is one, else a new one.

    Args:
        config: master and further settings.
        app: the name that the Spark UI shows.
        workers: how many task slots training will need at once.

    Raises:
        PlatformError: no fit Java, or Spark does not start.
    """
    live = _running_session()
    if live is not None:
        return live if is_owned(live) else _beside(live)
    _silence_query_loggers()
    try:
        _start_java(config)
        conf = _settings(config, app, workers)
        with interrupt_handler_kept():
            context = SparkContext(conf=conf)
    except (PySparkException, Py4JError) as error:
        raise PlatformError(f"Spark does not start: {_cause(error)}. Look at spark.master and spark.conf.") from error
    return SparkSession(context)


def close_session() -> None:
    """Cancel the jobs of the session that `open_session` opened, and end it with its Java process.

    A session that somebody else started goes on.
    """
    context, gateway = SparkContext._active_spark_context, SparkContext._gateway
    # A Java process that was killed no longer answers; there is nothing left to close then.
    with suppress(Py4JError, OSError):
        if context is None or context.getConf().get(OWNED) is None:
            return
        context.cancelAllJobs()
        SparkSession(context).stop()
    process = getattr(gateway, "proc", None)
    if process is not None:
        _end_java(process)


def _end_java(process: subprocess.Popen[bytes]) -> None:
    """End the Java process that we started, and forget it, so that the next session starts another one."""
    gateway: Any = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    gateway.shutdown()
    # Spark's Java process ends when its standard input does.
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=JAVA_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def is_owned(spark: SparkSession) -> bool:
    """Whether `open_session` opened it."""
    return spark.conf.get(OWNED, None) is not None


def _running_session() -> SparkSession | None:
    if "SPARK_REMOTE" in os.environ or SparkContext._active_spark_context is not None:
        return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
    return SparkSession.getActiveSession()


def _silence_query_loggers() -> None:
    """PySpark logs the query of an error in a format of its own; whoever catches the error has it too."""
    for kind in ("SQL", "DataFrame"):
        PySparkLogger.getLogger(f"{kind}QueryContextLogger").setLevel(logging.CRITICAL)


def _beside(live: SparkSession) -> SparkSession:
    """A session that shares the executors of `live`, but not its SQL settings."""
    ours = live.newSession() if is_classic(live) else live
    for key, value in SESSION_DEFAULTS.items():
        ours.conf.set(key, value)
    return ours


def _start_java(config: SparkConfig) -> None:
    """Start the Java process unless spark-submit has; either way it logs as we like it afterwards."""
    with resources.as_file(resources.files("pipeline.runtime") / "log4j2.properties") as log4j2:
        if in_spark_submit():
            SparkContext._ensure_initialized()
            with suppress(Py4JError):  # a session that says too much is better than none
                _configure_running_java(log4j2)
        else:
            _launch_java(config, log4j2)


def _launch_java(config: SparkConfig, log4j2: Path) -> None:
    conf = SparkConf(loadDefaults=False)
    # Our own progress line takes its place; Java switches it on at its start, so it must be known by then.
    conf.set("spark.ui.showConsoleProgress", "false")
    conf.setAll([*config.conf.items()])
    if config.master:
        conf.setMaster(config.master)
    output = open_relay()
    # Its own session: Ctrl-C and a signal to the whole group reach Python alone, which then stops Java in order.
    options = {"stdout": output, "stderr": output, "start_new_session": True}
    try:
        with _environment(_java_environment(config, log4j2)):
            gateway = launch_gateway(conf, options)  # type: ignore[no-untyped-call]
    finally:
        os.close(output)
    SparkContext._ensure_initialized(gateway=gateway)


def _java_environment(config: SparkConfig, log4j2: Path) -> dict[str, str]:
    """What Java is told by environment variables, those that the user has set excepted."""
    wanted = {"SPARK_DRIVER_MEMORY": f"{_driver_megabytes()}m"}
    if not (Path(os.environ.get("SPARK_CONF_DIR", "")) / "log4j2.properties").is_file():
        wanted["LOG4J_CONFIGURATION_FILE"] = log4j2.as_uri()
    if config.master is None or _is_local(config.master):
        # Nobody but this machine needs to reach it, and the address stays when the network changes.
        wanted["SPARK_LOCAL_IP"] = "127.0.0.1"
    unset = {name: value for name, value in wanted.items() if name not in os.environ}
    return {**unset, "JAVA_HOME": str(find_java().home)}


def _driver_megabytes() -> int:
    """A quarter of this machine's memory, between 1 and 8 GB: in local mode the driver does all the work."""
    return int(min(max(psutil.virtual_memory().total / 4, 1 << 30), 8 << 30)) >> 20


def _configure_running_java(log4j2: Path) -> None:
    """Have spark-submit's Java log as ours does, unless its user has configured it."""
    jvm: Any = SparkContext._jvm
    log4j = jvm.org.apache.logging.log4j
    # spark-submit leaves logging to be set up at Spark's first message, which would undo ours: have it done now.
    getattr(jvm.org.apache.spark.util, "Utils$").__getattr__("MODULE$").initializeLogIfNecessary(False, True)
    source = log4j.LogManager.getContext(False).getConfiguration().getConfigurationSource().getLocation()
    if source is None or source.endswith("log4j2-defaults.properties"):
        log4j.core.config.Configurator.reconfigure(jvm.java.net.URI(log4j2.as_uri()))


def _settings(config: SparkConfig, app: str, workers: int) -> SparkConf:
    """All settings of a new session; Java runs already, so the installation's and spark-submit's are known."""
    conf = SparkConf().setAppName(app)
    master = config.master or _default_master(conf, workers)
    conf.setMaster(master)
    defaults = SESSION_DEFAULTS | STATIC_DEFAULTS | (LOCAL_DEFAULTS if _is_local(master) else {})
    for key, value in defaults.items():
        conf.setIfMissing(key, value)
    conf.setAll([*config.conf.items()])
    if _is_local(master) or master.startswith("spark://"):
        # The workers must run the very Python, with the very packages, that the driver runs.
        os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", sys.executable) or sys.executable)
    return conf


def _default_master(conf: SparkConf, workers: int) -> str:
    given = conf.get("spark.master")
    # Spark says local[*] where nobody said anything.
    if given and given != "local[*]":
        return given
    return f"local[{max(os.cpu_count() or 1, workers)}]"


def _is_local(master: str) -> bool:
    return master.startswith("local")


def _cause(error: Exception) -> str:
    text = str(getattr(error, "java_exception", None) or error)
    return next((line.strip().rstrip(".") for line in text.splitlines() if line.strip()), type(error).__name__)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables that child processes started meanwhile see."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
