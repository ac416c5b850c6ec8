"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.support.buckets import Server

# No deadline: how long an example takes says more of the machine than of the code. The same examples every time: a
# red run can be repeated.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

ODD_SETTING = ("spark.test: a=b", "a secret = x:y#z! \\ \\n é")
"""For a test that it reaches Java as it is, and stands in no command line."""
SPARK_SETTINGS = {
    # A test's rows fit in one hand; every further shuffle partition is a task that costs more than they do.
    "spark.sql.shuffle.partitions": "2",
    # The machine that runs the tests may be small, and TensorFlow wants its share.
    "spark.driver.memory": "1g",
    ODD_SETTING[0]: ODD_SETTING[1],
}

# Tests do not run long enough to repay the optimising compiler, nor parallel collection. Jobs that tests start as
# processes of their own do not either: so this is no setting of the session.
os.environ["SPARK_SUBMIT_OPTS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.hookimpl(tryfirst=True)  # before pytest itself picks tests by mark
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as `dist` what launches several ranks, and put files with slow tests first where two processes share them.

    Files are handed out in this order; a long one that began last would leave the other process without work.
    """
    for item in items:
        mark = item.get_closest_marker("world_size")
        if mark and mark.args[0] > 1:
            item.add_marker("dist")
    if hasattr(config, "workerinput"):
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """Let Python's garbage collector pass over what is there for good: half a million objects of libraries and tests.

    Every training run ends with a whole collection.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def world_size(request: pytest.FixtureRequest) -> int:
    """How many ranks the test launches, as its mark says."""
    return int(request.node.get_closest_marker("world_size").args[0])


@pytest.fixture(scope="session")
def _spark_of_the_session() -> Iterator[SparkSession]:
    """Started by the first test that wants it; two slots are the fewest that can hold two ranks."""
    from pipeline.config.run import SparkConfig
    from pipeline.exchange.build import build_library
    from pipeline.runtime.spark import close_session, open_session

    build_library()  # ranks take it where it is there
    yield open_session(SparkConfig(master="local[2]", conf=SPARK_SETTINGS), app="tests", workers=2)
    close_session()


@pytest.fixture
def spark(_spark_of_the_session: SparkSession) -> Iterator[SparkSession]:
    """A Spark session with two slots, shared by all tests; its views and caches go after each test."""
    yield _spark_of_the_session
    for view in _spark_of_the_session.catalog.listTables():
        if view.isTemporary:
            _spark_of_the_session.catalog.dropTempView(view.name)
    _spark_of_the_session.catalog.clearCache()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """An S3 server on loopback, started by the first test that wants it."""
    from tests.support.buckets import serving

    with serving() as server:
        yield server


@pytest.fixture
def bucket(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a new bucket, which `storage_path` finds by the usual variables of the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_bucket()


@pytest.fixture
def spark_with_bucket(
    spark: SparkSession, s3_server: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> SparkSession:
    """The session, whose Python workers reach the bucket as well: Java got its environment when it was started."""
    for name, value in s3_server.environment.items():
        monkeypatch.setitem(spark.sparkContext.environment, name, value)
    return spark


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data: {SHARED_DATA} is not there")
    return SHARED_DATA


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY
