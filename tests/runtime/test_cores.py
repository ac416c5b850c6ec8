"""Cores are taken by one process at a time, for all of its threads, and given back."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading

import pytest

from pipeline.runtime.cores import reserved_cores

ALL = sorted(os.sched_getaffinity(0))

HOLD = """
import sys
from pathlib import Path
from pipeline.runtime.cores import reserved_cores
with reserved_cores(1, Path(sys.argv[1])) as cores:
    print(*cores, flush=True)
    sys.stdin.read()
"""


def test_all_threads_run_on_the_cores_and_then_anywhere(tmp_path):
    release, seen = threading.Event(), []
    thread = threading.Thread(target=lambda: (release.wait(), seen.append(os.sched_getaffinity(0))))
    thread.start()
    with reserved_cores(1, tmp_path) as cores:
        assert cores == (ALL[0],)
        assert os.sched_getaffinity(0) == os.sched_getaffinity(thread.native_id) == {ALL[0]}
    assert sorted(os.sched_getaffinity(0)) == ALL
    release.set()
    thread.join()
    assert sorted(seen[0]) == ALL


def test_who_finds_too_few_runs_anywhere_and_holds_none(tmp_path):
    with reserved_cores(len(ALL) + 1, tmp_path) as cores:
        assert cores == ()
        assert sorted(os.sched_getaffinity(0)) == ALL
        with reserved_cores(len(ALL), tmp_path) as others:
            assert others == tuple(ALL)


@pytest.mark.skipif(len(ALL) < 2, reason="needs two cores")
def test_processes_take_different_cores_and_a_killed_one_gives_its_own_back(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert int(other.stdout.readline()) == ALL[0]
        with reserved_cores(1, tmp_path) as cores:
            assert cores == (ALL[1],)
        other.kill()
        other.wait()
    with reserved_cores(1, tmp_path) as cores:
        assert cores == (ALL[0],)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with reserved_cores(1, place / "locks") as cores:
        assert cores == ()


def test_a_folder_that_somebody_else_made_is_not_used_and_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"pipeline-cores-{os.getuid()}").symlink_to(elsewhere)
    with reserved_cores(1) as cores:
        assert cores == ()
    assert list(elsewhere.iterdir()) == []
    assert "This rank computes on any core, because none can be reserved: " in caplog.text
