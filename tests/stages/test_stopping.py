"""A training job that is stopped by a signal takes a checkpoint; the same command goes on, another one says why not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.slow, pytest.mark.timeout(290)]

EPOCHS = 1200
"""So many that training is still at work when the signal comes, on a busy machine too."""


def command(root: Path, *overrides: str) -> list[str]:
    """Iris again and again: many epochs, each of a moment, and no checkpoint before the signal."""
    settings = (
        f"storage.root={root}",
        "track.enabled=false",
        "train.workers=2",
        f"train.epochs={EPOCHS}",
        "train.early_stopping=null",
        "train.checkpoint.every_seconds=1000",
        "model.dropout=0.1",
        "spark.conf={spark.driver.memory: 1g}",
        *overrides,
    )
    sets = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "jobs/train.py", "--config", "conf/iris.yaml", *sets]


def finish(arguments: list[str], repository: Path) -> tuple[int, dict]:
    done = subprocess.run(arguments, cwd=repository, capture_output=True, text=True, timeout=200, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_sigterm_leaves_a_checkpoint_that_the_same_command_goes_on_from(repository, tmp_path):
    process = subprocess.Popen(
        command(tmp_path), cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "Epoch " in line:
            break
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 143, err[-2000:]
    assert time.monotonic() - started < 80, "within the limit for a gentle end, and for tidying up"
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"
    assert len(list((tmp_path / "checkpoints").rglob("*.checkpoint"))) == 1
    assert not list(tmp_path.rglob("*.keras"))

    code, refused = finish(command(tmp_path, "train.batch_size=8"), repository)
    assert code == 2
    assert "train.batch_size is 8, was 16" in refused["error"]

    code, resumed = finish(command(tmp_path), repository)
    assert (code, resumed["epochs"]) == (0, EPOCHS)
    assert [record["epoch"] for record in resumed["history"]] == list(range(1, EPOCHS + 1))
    assert not (tmp_path / "checkpoints").exists() or not list((tmp_path / "checkpoints").rglob("*.checkpoint"))
