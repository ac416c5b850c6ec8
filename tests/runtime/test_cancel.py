from __future__ import annotations

import threading
import time

import pytest

from pipeline.runtime.cancel import cancelling

pytestmark = pytest.mark.spark


def wait_until(spark, active: bool) -> None:
    end = time.monotonic() + 20
    while bool(spark.sparkContext.statusTracker().getActiveJobsIds()) != active:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jobs_that_still_run_are_cancelled_when_the_block_raises(spark):
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), cancelling(spark):
        # Returns at once, as an interrupted call does; the job goes on in Java.
        spark.sparkContext.parallelize([0], 1).map(lambda _: time.sleep(60))._jrdd.countAsync()
        wait_until(spark, True)
        raise KeyboardInterrupt
    wait_until(spark, False)
    assert time.monotonic() - start < 30


def test_jobs_of_others_go_on(spark):
    counted: list[int] = []
    nap = spark.sparkContext.parallelize([0], 1).map(lambda _: time.sleep(3))
    other = threading.Thread(target=lambda: counted.append(nap.count()))
    other.start()
    wait_until(spark, True)
    with pytest.raises(ValueError, match="boom"), cancelling(spark):
        raise ValueError("boom")
    other.join()
    assert counted == [1]
    assert not spark.sparkContext.getJobTags()
