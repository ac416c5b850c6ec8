"""Spark's Java process: started with our logging, its output filtered, and ended without leaving processes behind."""

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
from pyspark import SparkContext
from pyspark.java_gateway import launch_gateway

from pipeline.config.run import SparkConfig
from pipeline.runtime.java import find_java
from pipeline.runtime.stderr_filter import open_filtered_pipe
from pipeline.runtime.streams import in_spark_submit
from pipeline.runtime.submit_arguments import submit_arguments

END_SECONDS = 10


def start_java(config: SparkConfig) -> None:
    """Start the Java process, unless spark-submit or a closed session has one; configures its logging."""
    with resources.as_file(resources.files("pipeline.runtime") / "log4j2.properties") as log4j2:
        if in_spark_submit() or SparkContext._gateway is not None:
            SparkContext._ensure_initialized()
            with suppress(Py4JError):  # a session that logs too much is better than none
                _configure_running_java(log4j2)
        else:
            _launch_java(config, log4j2)


def end_java() -> None:
    """End the Java process that `start_java` started, so that the next session starts another one.

    One that spark-submit started is left running.
    """
    gateway: Any = SparkContext._gateway
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    if process is None or process.stdin is None:
        return
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    gateway.shutdown()
    # The Java process exits when its standard input is closed.
    process.stdin.close()
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def abort_call() -> None:
    """Abort the call to Java that this thread waits for; to be called by a signal handler that raises.

    Python keeps one connection to Java per thread. It would still wait for the answer of the interrupted call, and the
    calls that clean up would hang behind it. With the connection closed, they get a new one.
    """
    client = getattr(SparkContext._gateway, "_gateway_client", None)
    connection = client.get_thread_connection() if client is not None else None
    if connection is not None:
        connection.close()


def is_local(master: str) -> bool:
    """Whether a Spark master is this machine itself."""
    return master.startswith("local")


def _launch_java(config: SparkConfig, log4j2: Path) -> None:
    # Our own progress line replaces Spark's. Java reads this setting when it starts.
    settings = {"spark.ui.showConsoleProgress": "false", **config.conf}
    if config.master:
        settings["spark.master"] = config.master
    output = open_filtered_pipe()
    # Its own session: Ctrl-C and a signal to the whole group reach Python alone, which then stops Java in order.
    options = {"stdout": output, "stderr": output, "start_new_session": True}
    try:
        with (
            submit_arguments(settings) as arguments,
            _environment({**_java_environment(config, log4j2), "PYSPARK_SUBMIT_ARGS": arguments}),
            _killing_children_on_error(),
        ):
            gateway = launch_gateway(None, options)  # type: ignore[no-untyped-call]
    finally:
        os.close(output)
    SparkContext._ensure_initialized(gateway=gateway)


def _java_environment(config: SparkConfig, log4j2: Path) -> dict[str, str]:
    """The environment variables for Java, without those that the user has set."""
    wanted = {}
    if not (Path(os.environ.get("SPARK_CONF_DIR", "")) / "log4j2.properties").is_file():
        wanted["LOG4J_CONFIGURATION_FILE"] = log4j2.as_uri()
    if config.master is None or is_local(config.master):
        wanted["SPARK_DRIVER_MEMORY"] = f"{_driver_megabytes()}m"
        # Only this machine needs to reach it, and the address does not change with the network.
        wanted["SPARK_LOCAL_IP"] = "127.0.0.1"
    unset = {name: value for name, value in wanted.items() if name not in os.environ}
    return {**unset, "JAVA_HOME": str(find_java().home)}


def _driver_megabytes() -> int:
    """A quarter of this machine's memory, between 1 and 8 GB: in local mode the driver does all the work."""
    return int(min(max(psutil.virtual_memory().total / 4, 1 << 30), 8 << 30)) >> 20


def _configure_running_java(log4j2: Path) -> None:
    """Configure the logging of a Java process that we did not start, unless its user has configured it."""
    jvm: Any = SparkContext._jvm
    log4j = jvm.org.apache.logging.log4j
    # Spark sets up its logging at its first message, which would undo ours; so make it do that now.
    getattr(jvm.org.apache.spark.util, "Utils$").__getattr__("MODULE$").initializeLogIfNecessary(False, True)
    source = log4j.LogManager.getContext(False).getConfiguration().getConfigurationSource().getLocation()
    if source is None or source.endswith("log4j2-defaults.properties"):
        log4j.core.config.Configurator.reconfigure(jvm.java.net.URI(log4j2.as_uri()))


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for child processes started in the block; those that other threads set are kept."""
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
    """Kill the processes started in the block if it raises.

    PySpark, interrupted while Java starts, forgets the process, which then waits for PySpark for ever.
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
