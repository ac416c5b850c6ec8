from __future__ import annotations

import time

import pytest

from pipeline.errors import PlatformError
from pipeline.runtime.slots import check_slots

pytestmark = pytest.mark.spark


def test_enough_slots_pass(spark):
    check_slots(spark, 1)
    check_slots(spark, 2)


def test_too_few_slots_are_said_at_once(spark):
    start = time.monotonic()
    with pytest.raises(PlatformError) as caught:
        check_slots(spark, 4)

    assert time.monotonic() - start < 2.0
    assert str(caught.value) == (
        "train.workers is 4, but the Spark master 'local[2]' has 2 task slots. Lower train.workers, or set "
        "spark.master: local[4] (--set spark.master=local[4], or spark-submit --master local[4])."
    )


def test_dynamic_allocation_is_recognised(spark):
    conf = spark.sparkContext._conf
    before = conf.get("spark.dynamicAllocation.enabled")
    conf.set("spark.dynamicAllocation.enabled", "true")
    try:
        with pytest.raises(PlatformError, match="this Spark session allocates them dynamically"):
            check_slots(spark, 2)
    finally:
        conf.set("spark.dynamicAllocation.enabled", before)
