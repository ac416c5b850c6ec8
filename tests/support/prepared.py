"""Prepares a store in a process of its own, on any master, and prints the checksums of its files as JSON.

python -m tests.support.prepared MASTER TABLE ROOT [KILLS]

With KILLS, so many executors of a `local-cluster` are killed, one every few seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

SECONDS = 3.0
"""Between two kills: a task or two."""


def main(master: str, table: str, root: str, kills: int = 0) -> None:
    """See the module."""
    import pyspark

    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    from pipeline.config.run import SparkConfig
    from pipeline.runtime.spark import open_session
    from tests.support.store_specs import build, spec_for

    conf = {"spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"], "spark.task.maxFailures": "8"}
    spark = open_session(SparkConfig(master=master, conf=conf), app="prepared", workers=1)
    if kills:
        application = spark.sparkContext.applicationId
        threading.Thread(target=_kill_executors, args=(application, kills), daemon=True).start()
    store_spec = spec_for(table, numeric=["x", "z"], categorical=["c"], key="id")
    store = build(spark, store_spec, Path(root))
    sums = {file.path: file.sha256 for split in store.manifest.splits.values() for file in split.files}
    sys.stdout.write(json.dumps(sums) + "\n")


def _kill_executors(application: str, kills: int) -> None:
    command = ["pgrep", "-f", f"CoarseGrainedExecutorBackend.*{application}"]
    for _ in range(kills):
        time.sleep(SECONDS)
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        for process in found.stdout.split()[-1:]:
            os.kill(int(process), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:4], kills=int(sys.argv[4]) if len(sys.argv) > 4 else 0)
