"""Spark's Java process: started with our logging, its output filtered, and ended with nothing left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import psutil
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

from pipeline.config.run import SparkConfig
from pipeline.runtime.java import find_java
from pipeline.runtime.stderr_filter import open_filtered_pipe
from pipeline.runtime.streams import in_spark_submit

END_SECONDS = 10


def start_java(config: SparkConfig) -> None:
    """Start the Java process unless there is one, spark-submit's or a closed session's; it logs as we like it then."""
    with resources.as_file(resources.files("pipeline.runtime") / "log4j2.properties") as log4j2:
        if in_spark_submit() or SparkContext._gateway is not None:
            SparkContext._ensure_initialized()
            with suppress(Py4JError):  # a session that says too much is better than none
                _configure_running_java(log4j2)
        else:
            _launch_java(config, log4j2)


def end_java() -> None:
    """End the Java process that `start_java` started, and forget it, so that the next session starts another one.

    One that spark-submit started goes on.
    """
    gateway: Any = SparkContext._gateway
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    if process is None or process.stdin is None:
        return
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    gateway.shutdown()
    # It ends when its standard input does.
    process.stdin.close()
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def abort_call() -> None:
    """Drop the call to Java that this thread waits for; to be called by a signal handler that raises.

    Python keeps one connection to Java for a thread. Left alone, it would go on waiting for the answer of the broken
    call, and the calls that tidy up would hang behind it. They get a new one.
    """
    client = getattr(SparkContext._gateway, "_gateway_client", None)
    connection = client.get_thread_connection() if client is not None else None
    if connection is not None:
        connection.close()


def is_local(master: str) -> bool:
    """Whether a Spark master is this machine itself."""
    return master.startswith("local")


def _launch_java(config: SparkConfig, log4j2: Path) -> None:
    conf = SparkConf(loadDefaults=False)
    # Our own progress line takes its place; Java switches it on at its start, so it must be known by then.
    conf.set("spark.ui.showConsoleProgress", "false")
    conf.setAll([*config.conf.items()])
    if config.master:
        conf.setMaster(config.master)
    output = open_filtered_pipe()
    # Its own session: Ctrl-C and a signal to the whole group reach Python alone, which then stops Java in order.
    options = {"stdout": output, "stderr": output, "start_new_session": True}
    try:
        with _environment(_java_environment(config, log4j2)), _killing_children_on_error():
            gateway = launch_gateway(conf, options)  # type: ignore[no-untyped-call]
    finally:
        os.close(output)
    SparkContext._ensure_initialized(gateway=gateway)


def _java_environment(config: SparkConfig, log4j2: Path) -> dict[str, str]:
    """What Java is told by environment variables, those that the user has set excepted."""
    wanted = {}
    if not (Path(os.environ.get("SPARK_CONF_DIR", "")) / "log4j2.properties").is_file():
        wanted["LOG4J_CONFIGURATION_FILE"] = log4j2.as_uri()
    if config.master is None or is_local(config.master):
        wanted["SPARK_DRIVER_MEMORY"] = f"{_driver_megabytes()}m"
        # Nobody but this machine needs to reach it, and the address stays when the network changes.
        wanted["SPARK_LOCAL_IP"] = "127.0.0.1"
    unset = {name: value for name, value in wanted.items() if name not in os.environ}
    return {**unset, "JAVA_HOME": str(find_java().home)}


def _driver_megabytes() -> int:
    """A quarter of this machine's memory, between 1 and 8 GB: in local mode the driver does all the work."""
    return int(min(max(psutil.virtual_memory().total / 4, 1 << 30), 8 << 30)) >> 20


def _configure_running_java(log4j2: Path) -> None:
    """Have somebody else's Java log as ours does, unless its user has configured it."""
    jvm: Any = SparkContext._jvm
    log4j = jvm.org.apache.logging.log4j
    # spark-submit leaves logging to be set up at Spark's first message, which would undo ours: have it done now.
    getattr(jvm.org.apache.spark.util, "Utils$").__getattr__("MODULE$").initializeLogIfNecessary(False, True)
    source = log4j.LogManager.getContext(False).getConfiguration().getConfigurationSource().getLocation()
    if source is None or source.endswith("log4j2-defaults.properties"):
        log4j.core.config.Configurator.reconfigure(jvm.java.net.URI(log4j2.as_uri()))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables that child processes started meanwhile see; other threads may set others meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _killing_children_on_error() -> Iterator[None]:
    """End the processes that were started meanwhile if the block fails.

    PySpark, interrupted while Java starts, forgets the process, which then waits for it for ever.
    """
    this = psutil.Process()
    before = {child.pid for child in this.children()}
    try:
        yield
    except BaseException:
        for child in this.children():
            if child.pid not in before:
                child.kill()
        raise
