"""A stage that only pretends, and the job that runs it: what a job does around its stage is tested with it.

python -m tests.support.toy --config FILE [--set data.label=BEHAVIOUR]
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from pipeline import cli
from pipeline.config import RunConfig
from pipeline.config.run import SparkConfig
from pipeline.errors import DataError, TrainError
from pipeline.schemas.document import Document

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONFIG = """
name: toy
data: {source: {sample: iris}, label: BEHAVIOUR}
features: {numeric: [{columns: [width]}]}
"""


class ToyResult(Document):
    """Has what results have, and numbers that JSON has not."""

    run_id: str | None = "run-7"
    seconds: float = 0.0
    upload: str | None = None
    metrics: dict[str, float] = {"loss": float("nan"), "auc": 0.5}  # noqa: RUF012 (pydantic copies it)


def toy(config: RunConfig) -> ToyResult:
    """Behaves as the label's name says."""
    behaviour = config.data.label
    print("printed by a library")  # noqa: T201 (what this is for)
    os.write(1, b"printed by native code\n")
    logging.getLogger("pipeline.toy").info("at work")
    if behaviour.startswith("spark_"):
        _with_spark(behaviour)
    elif behaviour == "data_error":
        raise DataError("Column 'income' is missing. Add it.")
    elif behaviour == "train_error":
        raise TrainError("The loss is not a number at https://user:secret@host/x. Lower it.")
    elif behaviour == "bug":
        raise KeyError("forgotten")
    elif behaviour == "bucket_error":
        raise OSError("When getting information for key 'x' in bucket 'lake': AWS Error NETWORK_CONNECTION")
    elif behaviour == "full_disk":
        raise OSError(28, "No space left on device", "/x/y")
    elif behaviour == "no_module":
        raise ModuleNotFoundError("No module named 'horovod'")
    return ToyResult(upload="pending" if behaviour == "upload_fails" else None)


def _with_spark(behaviour: str) -> None:
    from pipeline.runtime.progress import open_progress, watch_spark
    from pipeline.runtime.slots import check_slots
    from pipeline.runtime.spark import open_session

    spark = open_session(SparkConfig(conf={"spark.driver.memory": "1g"}), app="toy", workers=2)
    with open_progress() as progress, watch_spark(spark, progress, "Counting"):
        if behaviour == "spark_slots":
            check_slots(spark, 9)
        if behaviour == "spark_path":
            spark.read.parquet("/no/such/folder")
        naps = 100 if behaviour == "spark_sleep" else 0
        spark.sparkContext.parallelize(range(2), 2).map(lambda _: time.sleep(naps)).count()
        if behaviour == "spark_killed":
            _kill_java(spark)
            spark.range(1).count()


def _kill_java(spark: SparkSession) -> None:
    process = spark.sparkContext._gateway.proc
    process.kill()
    process.wait()


cli.STAGES["toy"] = "tests.support.toy:toy"

if __name__ == "__main__":
    sys.exit(cli.main("toy"))
