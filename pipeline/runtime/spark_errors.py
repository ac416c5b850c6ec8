"""Translates errors of Spark and its Java process into ours."""

from __future__ import annotations

import re
from itertools import takewhile

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.errors import AnalysisException, PySparkException

from pipeline import errors
from pipeline.errors import DataError, PipelineError, PlatformError, full_disk_error

DATA_FAULTS = re.compile(
    r"FAILED_READ_FILE|PATH_NOT_FOUND|CANNOT_READ_FILE|MALFORMED_RECORD|CAST_INVALID_INPUT|FileNotFoundException"
    r"|CAST_OVERFLOW|NUMERIC_VALUE_OUT_OF_RANGE|is not a Parquet file"
)
CLASS_NAME = re.compile(r"^(?:[a-z_$][\w$]*\.)+[A-Z][\w$.]*(?:Exception|Error): ")
SQL_STATE = re.compile(r"\.?\s+SQLSTATE: \w+\b")
STAGE_FAILURE = re.compile(r"^Job aborted due to stage failure: .*?\(TID \d+\) \([^)]*\): ")
OURS = re.compile(r"^pipeline\.errors\.(\w+): ((?:.+\n?)+)", re.MULTILINE)
"""One of our errors at the end of a task's traceback."""
STOPPED = {
    "stopped SparkContext": "Spark stopped while the job ran, or as it started: the cluster's master may not have been "
    "reached, or may have refused this application; see the messages above. With spark.authenticate, all processes "
    "need the same secret. Check spark.master and spark.conf.",
    "SparkContext was shut down": "Spark was shut down while the job ran, by a signal or from outside. Start the job "
    "again.",
}
"""What a stopped session means, by a part of Spark's message."""
MAX_LENGTH = 600


def explain_spark_error(error: BaseException) -> PipelineError | None:
    """The error as one of ours: data that Spark cannot read, a lost Java process, or another failure of Spark.

    Returns:
        None for errors that do not come from Spark.
    """
    if isinstance(error, Py4JNetworkError) or (isinstance(error, (OSError, Py4JError)) and _java_is_gone()):
        return PlatformError(
            "The connection to Spark's Java process was lost: it was killed, or ran out of memory. Give it more, "
            "e.g. spark.conf: {spark.driver.memory: 4g}, and look at the messages above."
        )
    if not isinstance(error, (PySparkException, Py4JJavaError)):
        return None
    text = _whole_text(error)
    if ours := OURS.search(text):
        return _ours(ours[1], ours[2])
    if isinstance(error, AnalysisException) or DATA_FAULTS.search(text):
        return DataError(f"Spark cannot work with the data: {meaningful_line(text)}")
    if stopped := next((message for cause, message in STOPPED.items() if cause in text), None):
        return PlatformError(stopped)
    return full_disk_error(text) or PipelineError(f"Spark failed: {meaningful_line(text)}")


def _ours(name: str, message: str) -> PipelineError:
    """The error that a task raised, which is one of ours."""
    kind = getattr(errors, name, PipelineError)
    return kind(message.strip()) if issubclass(kind, PipelineError) else PipelineError(message.strip())


def _java_is_gone() -> bool:
    process = getattr(SparkContext._gateway, "proc", None)
    return process is not None and process.poll() is not None


def meaningful_line(text: str) -> str:
    """The essence of a Java or Python stack trace.

    That is the innermost exception, preceded by the last one with an error class of Spark, which names the file or the
    column.
    """
    messages = [_message(section) for section in text.split("Caused by: ")]
    named = [message for message in messages[:-1] if message.startswith("[")]
    parts = [part.rstrip(". ") for part in dict.fromkeys([*named[-1:], messages[-1]])]
    return ": ".join(parts)[:MAX_LENGTH]


def _message(section: str) -> str:
    """The message of one exception of a chain, without its frames, its class and its SQL state."""
    if "Traceback (most recent call last)" in section:
        message = _end_of_traceback(section.rpartition("Traceback (most recent call last)")[2])
    else:
        message = " ".join(line.strip() for line in takewhile(_is_message, section.strip().splitlines()))
    message = CLASS_NAME.sub("", SQL_STATE.sub("", message))
    # What failed a stage is quoted in the stage's own message.
    return CLASS_NAME.sub("", STAGE_FAILURE.sub("", message)).strip()


def _end_of_traceback(traceback: str) -> str:
    """The line that names the exception: the first that is not indented."""
    lines = traceback.splitlines()[1:]
    return next((line for line in lines if line and not line[0].isspace()), "")


def _is_message(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("\tat ", "Driver stacktrace:", "JVM stacktrace:", "== "))


def _whole_text(error: BaseException) -> str:
    """The text with the causes, which the message of a Py4JJavaError's Java exception lacks."""
    if isinstance(error, Py4JJavaError):
        return str(error).partition("\n: ")[2] or str(error)
    return str(error)
