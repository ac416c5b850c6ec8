"""`jobs/crossval.py` as a process: stopped, interrupted and killed in the middle, and ended by the same command."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(290)]

FINISHED = re.compile(r"fold (\d): log loss ")
FOLDS = 6


def command(root: Path) -> list[str]:
    """Iris, with many epochs, so that a fold takes some seconds."""
    settings = (
        f"storage.root={root}",
        "track.enabled=false",
        "train.epochs=150",
        "train.batch_size=4",
        "train.early_stopping=null",
        f"crossval.folds={FOLDS}",
        "spark.conf={spark.driver.memory: 1g}",
    )
    sets = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "jobs/crossval.py", "--config", "conf/iris.yaml", *sets]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """The same for all tests here, each of which goes on where the one before was ended."""
    return tmp_path_factory.mktemp("crossval")


@pytest.fixture(scope="module")
def finished() -> list[int]:
    """Folds that were trained to their end, in the order of time."""
    return []


def scores(root: Path) -> int:
    """How many folds are kept."""
    return len(list(root.glob("crossvals/iris/*/fold-*/score.json")))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["term", "int", "kill"]
)
def test_whatever_ends_it_finished_folds_are_kept(repository, root, finished, number, code):
    process = subprocess.Popen(command(root), cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = []
    for line in process.stderr:
        told.append(line)
        if FINISHED.search(line):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    folds = [int(fold) for fold in FINISHED.findall("".join(told) + err)]
    assert folds, "".join(told)[-3000:]
    assert process.returncode == code
    if number != signal.SIGKILL:
        result = json.loads(out.splitlines()[-1])
        message = f"Stopped by {number.name}. The same command resumes it."
        assert (result["status"], result["error"]) == ("stopped", message)
    assert not set(folds) & set(finished), "no fold is trained to its end twice"
    finished += folds
    assert len(finished) <= scores(root) < FOLDS
    assert not list(root.glob("crossvals/iris/*/report.json"))


def test_the_same_command_does_what_is_missing(repository, root, finished):
    kept = scores(root)
    done = subprocess.run(command(root), cwd=repository, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (f"Reusing {kept} of {FOLDS} folds, which an earlier job finished" in done.stderr) == (kept > 0)
    folds = [int(fold) for fold in FINISHED.findall(done.stderr)]
    assert len(folds) == FOLDS - kept and not set(folds) & set(finished)
    assert len(done.stdout.splitlines()) == 1
    result = json.loads(done.stdout)
    assert (result["stage"], result["status"], result["run_id"]) == ("crossval", "done", None)
    assert len(result["folds"]) == FOLDS
    assert set(result["mean"]) == set(result["std"]) == set(result["folds"][0])
    rows = pd.read_parquet(result["predictions"].removeprefix("file://"))
    assert len(rows) == result["rows"]
    assert not list(root.glob("scratch/*"))
    assert not list(root.rglob("*.checkpoint"))
