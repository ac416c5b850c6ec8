from __future__ import annotations

import re
import socket
import subprocess
import sys

import pytest

ON_THE_CLUSTER = """
import sys
from pipeline.config.run import SparkConfig
from pipeline.errors import PlatformError
from pipeline.runtime.slots import check_slots
from pipeline.runtime.spark import close_session, open_session

spark = open_session(SparkConfig(master=sys.argv[1], conf={"spark.executor.memory": "512m"}), app="test")
check_slots(spark, 2)
barrier = spark.sparkContext.parallelize(range(2), 2).barrier()
print(set(barrier.mapPartitions(lambda _: [sys.executable]).collect()) == {sys.executable})
try:
    check_slots(spark, 3, wait_seconds=1)
except PlatformError as error:
    print(error)
close_session()
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def cluster(repository):
    """Calls scripts/cluster."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(repository / "scripts" / "cluster"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    if call("status").returncode == 0:
        pytest.skip("a cluster is in use; ./scripts/cluster stop ends it")
    yield call
    call("stop")


@pytest.mark.spark
@pytest.mark.slow
def test_a_cluster_of_two_workers_runs_two_ranks(cluster):
    started = cluster("start", "--workers", "2", "--memory", "512m", "--port", str(free_port()))
    assert started.returncode == 0, started.stderr
    address = started.stdout.strip()
    assert re.fullmatch(r"spark://127\.0\.0\.1:\d+", address)
    assert cluster("status").stdout == f"{address}, 2 workers\n"
    assert cluster("start").returncode == 2, "one at a time"

    command = [sys.executable, "-c", ON_THE_CLUSTER, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "True",
        f"train.workers is 3, but the Spark master '{address}' has 2 task slots. Lower train.workers, or give the "
        "cluster more cores.",
    ]
    assert cluster("stop").returncode == 0
    assert cluster("status").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["start", "--workers", "none"], "cluster: --workers needs a number of at least 1."),
        (["start", "--memory", "2"], "cluster: --memory needs a size such as 512m or 2g."),
        (["start", "--hosts", "2"], "cluster: unknown option '--hosts'. See scripts/cluster --help."),
        (["restart"], "Usage: scripts/cluster start"),
    ],
)
def test_wrong_usage(cluster, arguments, message):
    done = cluster(*arguments)

    assert done.returncode == 2
    assert done.stderr.startswith(message)
