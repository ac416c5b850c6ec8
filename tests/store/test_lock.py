"""What one job locks, no other enters, until the job ends, however that happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.store.filesystem import storage_path
from pipeline.store.lock import exclusive

HOLDER = """
import sys, time
from pipeline.store.filesystem import storage_path
from pipeline.store.lock import exclusive
with exclusive(storage_path(sys.argv[1]), "is training 'n'", "set another name"):
    print("holds", flush=True)
    time.sleep(1000)
"""


def test_the_second_is_refused_and_told_of_the_first_until_that_ends(tmp_path):
    file = storage_path(str(tmp_path / "n" / "n.lock"))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, file.path], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"holds\n"
    message = rf"Another job is training 'n': process {holder.pid} on \S+\. Wait for it, stop it, or set another name\."
    with pytest.raises(ConfigError, match=message), exclusive(file, "is training 'n'", "set another name"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with exclusive(file, "is training 'n'", "set another name"):
        assert Path(file.path).read_text().startswith(f"process {os.getpid()} on ")
    assert not Path(file.path).exists()


def test_threads_that_come_and_go_are_never_two(tmp_path):
    file, inside, most = storage_path(str(tmp_path / "lock")), [], []

    def work() -> None:
        for _ in range(200):
            try:
                with exclusive(file, "works", "wait"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except ConfigError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most and max(most) == 1
