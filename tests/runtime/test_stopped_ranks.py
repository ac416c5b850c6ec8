"""Stopped processes of a session's ranks are killed, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from pipeline.runtime.stopped_ranks import kill_if_stopped


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_stopped_process_of_the_session_is_killed(child: subprocess.Popen[bytes]) -> None:
    process = psutil.Process(child.pid)
    kill_if_stopped(process, os.getpid(), 1)
    assert child.poll() is None, "it runs"
    os.kill(child.pid, signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)  # until it has stopped
    kill_if_stopped(process, child.pid, 1)
    assert process.status() == psutil.STATUS_STOPPED, "it does not descend from that process"
    kill_if_stopped(process, os.getpid(), 1)
    assert child.wait(10) == -signal.SIGKILL
