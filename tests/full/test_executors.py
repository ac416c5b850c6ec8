"""A store has the same bytes on one core, on two, and on a cluster whose executors are killed while it is prepared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

ROWS, FILES = 4_000_000, 8


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "t"
    path.mkdir()
    random = np.random.default_rng(0)
    for number in range(FILES):
        rows = ROWS // FILES
        content = {
            "id": np.arange(rows) + number * rows,
            "x": random.normal(size=rows),
            "z": random.lognormal(size=rows),
            "c": pa.array(["a", "b", "c"]).take(pa.array(random.integers(0, 3, rows))),
            "y": random.normal(size=rows),
        }
        pq.write_table(pa.table(content), path / f"{number}.parquet")
    return path


def prepared(repository: Path, *arguments: str) -> tuple[dict[str, str], str]:
    """The checksums of a store's files, and what was logged meanwhile."""
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "tests.support.prepared", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=repository, check=True)
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_cores_and_killed_executors_change_no_byte(repository, tmp_path, table):
    alone, _ = prepared(repository, "local[1]", str(table), str(tmp_path / "alone"))
    assert len(alone) == 48
    assert prepared(repository, "local[2]", str(table), str(tmp_path / "two"))[0] == alone
    killed, told = prepared(repository, "local-cluster[2,1,1024]", str(table), str(tmp_path / "killed"), "4")
    assert "Lost executor" in told
    assert killed == alone
    assert not [*(tmp_path / "killed").rglob("*draft*")]
