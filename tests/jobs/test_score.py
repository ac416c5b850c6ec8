"""`jobs/score.py` as a process: killed in the middle, and run again by the same command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

from pipeline.config.load import parse_config
from pipeline.stages.train import train

pytestmark = [pytest.mark.spark, pytest.mark.slow]

ROWS = 3000


@pytest.fixture
def command(tmp_path, spark) -> list[str]:
    """The arguments of a job whose model was trained."""
    rows = pd.DataFrame({"x": range(ROWS), "y": [i % 11 / 7 for i in range(ROWS)]})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    content = {
        "name": "small",
        "data": {"source": {"path": str(tmp_path / "rows.csv")}, "label": "y"},
        "features": {"numeric": [{"columns": ["x"]}]},
        "model": {"hidden": [2]},
        "train": {"epochs": 1, "batch_size": 512},
        "storage": {"root": str(tmp_path / "root")},
        "track": {"enabled": False},
        "score": {"path": str(tmp_path / "rows.csv"), "output": str(tmp_path / "out"), "keep": []},
        "spark": {"master": "local[2]", "conf": {"spark.driver.memory": "1g"}},
    }
    train(parse_config(content), spark=spark)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content))
    return [sys.executable, "jobs/score.py", "--config", str(tmp_path / "small.yaml")]


def test_killed_in_the_middle_the_same_command_ends_it_and_nobody_saw_a_part(repository, tmp_path, command):
    killed = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    work, end = tmp_path / ".out", time.monotonic() + 120
    # From here on the tasks import TensorFlow, predict and write: seconds of work.
    while not list(work.glob("scratch/*")):
        assert killed.poll() is None, killed.stderr.read().decode()[-2000:]
        assert time.monotonic() < end
        time.sleep(0.05)
    family = [psutil.Process(killed.pid), *psutil.Process(killed.pid).children(recursive=True)]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    _, left = psutil.wait_procs(family[1:], timeout=60)
    assert left == [], "what the job started ends with it"
    assert not (tmp_path / "out").exists()
    assert list(work.glob("scratch/*"))

    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result)[:4] == ["stage", "status", "seconds", "run_id"]
    shown = {key: result[key] for key in ("stage", "status", "rows", "quarantined", "output")}
    assert shown == {
        "stage": "score",
        "status": "done",
        "rows": ROWS,
        "quarantined": 0,
        "output": f"file://{tmp_path}/out",
    }
    assert len(pd.read_parquet(Path(result["output"].removeprefix("file://")))) == ROWS
    assert not work.exists()
