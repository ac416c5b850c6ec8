from __future__ import annotations

import pytest
from pyspark.errors import PySparkException

from pipeline.errors import DataError, PipelineError, PlatformError
from pipeline.runtime.spark_errors import explain_spark_error, meaningful_line

JAVA = """org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 failed
\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2856)
Caused by: java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream.writeBytes(Native Method)
"""
PYTHON = """org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 2044, in main
    process()
  File "toy.py", line 14, in g
    raise ValueError("bad thing")
ValueError: bad thing

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
Driver stacktrace:
"""
NAMED = """org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 2.0 failed 1 times, most \
recent failure: Lost task 0.0 in stage 2.0 (TID 3) (localhost executor driver): org.apache.spark.SparkException: \
[FAILED_READ_FILE.NO_HINT] Cannot read file:/x.parquet. SQLSTATE: KD001
\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2856)
Caused by: java.lang.RuntimeException: not a Parquet file
\tat x.y
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (JAVA, "No space left on device"),
        (PYTHON, "ValueError: bad thing"),
        (NAMED, "[FAILED_READ_FILE.NO_HINT] Cannot read file:/x.parquet: not a Parquet file"),
        ("[PATH_NOT_FOUND] No path: file:/x. SQLSTATE: 42K03", "[PATH_NOT_FOUND] No path: file:/x"),
        ("[CAST] Two\nlines. SQLSTATE: 22018\n== SQL ==\nselect 1", "[CAST] Two lines"),
        ("x" * 5000, "x" * 600),
    ],
)
def test_the_line_that_says_what_went_wrong(text, line):
    assert meaningful_line(text) == line


def test_errors_of_others_are_not_explained():
    assert explain_spark_error(ValueError("a bug")) is None
    assert explain_spark_error(OSError("disk full")) is None


def caught(call) -> BaseException:
    with pytest.raises(Exception) as info:
        call()
    return info.value


@pytest.mark.spark
def test_real_errors(spark, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 this is not Parquet PAR1")
    explained = [
        explain_spark_error(caught(call))
        for call in (
            lambda: spark.read.parquet(str(tmp_path / "none")),
            lambda: spark.range(1).select("nothing"),
            lambda: spark.read.schema("a int").parquet(str(broken)).count(),
            lambda: spark.sql("select cast(a as int) as b from values ('x') t(a)").collect(),
            lambda: spark.sparkContext.parallelize([0], 1).map(lambda n: 1 / n).collect(),
        )
    ]

    assert [type(error) for error in explained] == [DataError] * 4 + [PipelineError]
    path, column, file, cast, division = map(str, explained)
    assert path.startswith("Spark cannot work with the data: [PATH_NOT_FOUND] Path does not exist: file:")
    assert "A column, variable, or function parameter with name `nothing` cannot be resolved" in column
    assert "broken.parquet" in file
    assert 'The value \'x\' of the type "STRING" cannot be cast to "INT"' in cast
    assert division == "Spark failed: ZeroDivisionError: division by zero"
    assert not any("\n" in str(error) or "SQLSTATE" in str(error) for error in explained)


def test_a_lost_java_process_is_an_environment_problem():
    from py4j.protocol import Py4JNetworkError

    explained = explain_spark_error(Py4JNetworkError("Answer from Java side is empty"))

    assert isinstance(explained, PlatformError)
    assert str(explained).startswith("The connection to Spark's Java process was lost")


def test_a_cluster_that_refuses_the_application_is_not_called_a_bug():
    message = "Cannot call methods on a stopped SparkContext.\nThis stopped SparkContext was created at:\n\norg.apache"
    explained = explain_spark_error(PySparkException(message))
    assert type(explained) is PlatformError
    assert "With spark.authenticate, all processes need the same secret" in str(explained)
