from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from pyspark.errors import PythonException

from pipeline.config.run import SparkConfig
from pipeline.errors import DataError, PlatformError
from pipeline.runtime.spark import is_owned, open_session, refuse_connect
from tests.conftest import ODD_SETTING

pytestmark = pytest.mark.spark

BESIDE = """
from pyspark.sql import SparkSession
from pipeline.config.run import SparkConfig
from pipeline.errors import PlatformError
from pipeline.runtime.slots import check_slots
from pipeline.runtime.spark import close_session, is_owned, open_session

theirs = (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "Asia/Tokyo")
          .config("spark.ui.enabled", "false").getOrCreate())
ours = open_session(SparkConfig(master="local[7]"), app="ours")
assert ours.sparkContext is theirs.sparkContext and not is_owned(ours)
assert ours.conf.get("spark.sql.session.timeZone") == "UTC"
assert theirs.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
close_session()
assert not theirs.sparkContext._jsc.sc().isStopped()
theirs.stop()
try:
    check_slots(ours, 2)
except PlatformError as error:
    print(error)

conf = {"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "3"}
new = open_session(SparkConfig(master="local[5]", conf=conf), app="new")
assert is_owned(new) and new.sparkContext.appName == "new"
print(new.sparkContext.master, new.conf.get("spark.sql.shuffle.partitions"))
close_session()
"""


def test_only_a_task_lost_to_an_error_that_is_not_ours_is_logged(spark, capfd):
    for error in (DataError("File 't' cannot be read: damaged."), ValueError("boom")):

        def fail(_, error=error):
            raise error

        with pytest.raises(PythonException, match=str(error)):
            spark.range(0, 1, 1, 1).mapInArrow(fail, "x long").collect()
    logged, end = "", time.monotonic() + 10
    while "boom" not in logged and time.monotonic() < end:
        time.sleep(0.05)
        logged += capfd.readouterr().err
    assert "WARN  spark TaskSetManager: Lost task 0.0" in logged and "ValueError: boom" in logged
    assert "damaged" not in logged and "aborting job" not in logged and "Traceback" not in logged


def test_settings(spark):
    settings = dict(spark.sparkContext.getConf().getAll())

    assert is_owned(spark)
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert settings["spark.scheduler.mode"] == "FAIR"
    assert settings["spark.dynamicAllocation.enabled"] == "false"
    assert settings["spark.ui.enabled"] == "false"
    assert spark.sparkContext.uiWebUrl is None
    assert spark.conf.get("spark.sql.shuffle.partitions") == "2", "the configuration's wins"


def test_settings_reach_java_when_it_starts_and_stand_in_no_command_line(spark):
    java = [child for child in psutil.Process().children(recursive=True) if child.name() == "java"]
    arguments = [argument for child in java for argument in child.cmdline()]
    assert "-Xmx1g" in arguments, "the launcher reads the file, too"
    assert not [argument for argument in arguments if ODD_SETTING[1] in argument or "shuffle.partitions" in argument]
    name, value = ODD_SETTING
    assert spark.sparkContext._jvm.System.getProperty(name) == value
    assert spark.conf.get(name) == value
    (file,) = (Path(after) for before, after in pairwise(arguments) if before == "--properties-file")
    assert not file.parent.exists()


def test_a_message_of_java_is_one_line_whatever_it_quotes(spark, capfd):
    logger = spark.sparkContext._jvm.org.apache.logging.log4j.LogManager.getLogger("forger")
    logger.warn("header: a\n12:00:00 ERROR forged: b\r\n\x1b[2Jc, password=hush")
    logger.warn("the end")
    seen, end = "", time.monotonic() + 20
    while "the end" not in seen and time.monotonic() < end:
        time.sleep(0.05)
        seen += capfd.readouterr().err
    (line,) = (line for line in seen.splitlines() if "header" in line)
    assert line[8:] == r" WARN  spark forger: header: a\n12:00:00 ERROR forged: b\r\n\x1b[2Jc, password=..."


def test_workers_run_this_python(spark):
    ran = spark.sparkContext.parallelize([0], 1).map(lambda _: sys.executable).collect()

    assert ran == [sys.executable]


def test_our_own_live_session_is_given_again(spark):
    assert open_session(SparkConfig(), app="again") is spark


class _ConnectSession:
    """As Spark Connect's session, whose client library is not installed here: it is told by its module."""

    __module__ = "pyspark.sql.connect.session"


def test_spark_connect_is_refused(spark, monkeypatch):
    refuse_connect(spark)
    with pytest.raises(PlatformError, match=r"This is a Spark Connect session .*serverless.*Use a dedicated"):
        refuse_connect(_ConnectSession())
    monkeypatch.setenv("SPARK_REMOTE", "sc://host")
    with pytest.raises(PlatformError, match=r"This is a Spark Connect session .*unset SPARK_REMOTE"):
        open_session(SparkConfig(), app="x")


def test_barrier_stages_run(spark):
    barrier = spark.sparkContext.parallelize(range(2), 2).barrier()

    assert sorted(barrier.mapPartitions(list).collect()) == [0, 1]


@pytest.mark.slow
def test_a_session_of_somebody_else_is_shared_and_left_alone():
    done = subprocess.run([sys.executable, "-c", BESIDE], capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "The Spark session is stopped. Open a new one, or pass none and let the job open its own.",
        "local[5] 3",
    ]


@pytest.mark.slow
def test_a_master_that_does_not_exist_is_said():
    code = (
        "from pipeline.config.run import SparkConfig\nfrom pipeline.runtime.spark import open_session\n"
        "open_session(SparkConfig(master='lokal[2]'), app='x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)

    assert "Master must either be yarn or start with spark, k8s, or local" in done.stderr
    assert (
        f"{PlatformError.__name__}: Spark did not start: its Java process exited at once; see its message above. "
        "Check spark.master and spark.conf."
    ) in done.stderr
    assert "\tat org.apache" not in done.stderr
