"""`jobs/train.py` as a process, on a store that was damaged after it was published."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.golden.make import WRITTEN

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_a_bit_that_changed_in_the_store_ends_the_job(repository, tmp_path):
    shutil.copytree(repository / "tests/golden/0.1", tmp_path / "golden")
    source, root = tmp_path / "golden" / "customers.csv", tmp_path / "golden" / "root"
    os.utime(source, (WRITTEN, WRITTEN))
    (store,) = (root / "stores" / "prices").iterdir()
    file = sorted(store.glob("train/*.parquet"))[3]
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    settings = (f"storage.root={root}", f"data.source.path={source}", "train.epochs=2", "track.enabled=false")
    config = ("--config", "tests/golden/golden.yaml", "--env", "tests/golden/prices.yaml")
    command = [sys.executable, "jobs/train.py", *config, *(part for each in settings for part in ("--set", each))]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=200, check=False)
    told = json.loads(done.stdout.splitlines()[-1])["error"]
    assert done.returncode == 3, done.stderr
    assert f"Store {store}: train/{file.name} cannot be read: the file was altered: its SHA-256 is " in told
    assert told.endswith(f"Delete {store} and prepare the store again.")
    assert told in done.stderr
    assert not list(root.glob("models/prices/*/bundle-*/model.keras"))[1:]  # but the one that was there
