"""Each case in a process of its own: signals, and the hard end that follows them, are for the whole process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

STOPPING = """
import os, signal, sys, time
from pipeline.runtime import signals
signals.CLEANUP_SECONDS = 1.0
number = getattr(signal, sys.argv[1])
try:
    with signals.stopping_on_signals(lambda: print("first")):
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        except Exception:
            print("held up")
        finally:
            os.kill(os.getpid(), number)
            print("tidied")
            time.sleep(float(sys.argv[2]))
except signals.Stopped as stopped:
    print(stopped.code, stopped)
    sys.exit(stopped.code)
"""

KEPT = """
import signal
from pipeline.runtime import signals
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born with it ignored
with signals.stopping_on_signals(lambda: None):
    mine = signal.getsignal(signal.SIGINT)
    with signals.preserving_interrupt_handler():
        signal.signal(signal.SIGINT, lambda *_: None)  # as SparkContext does
    assert signal.getsignal(signal.SIGINT) is mine
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
with signals.preserving_interrupt_handler():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # a notebook keeps Spark's
"""

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
"""
CHILD = """
import time
from pipeline.runtime import signals
signals.POLL_SECONDS = 0.1
signals.stop_with_parent()
print("ready", flush=True)
time.sleep(60)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_the_first_signal_stops_and_the_second_changes_nothing(name, code):
    done = run(STOPPING, name, "0")

    assert done.stdout.splitlines() == ["first", "tidied", f"{code} Stopped by {name}"]
    assert done.returncode == code


def test_tidying_up_that_hangs_is_cut_off():
    start = time.monotonic()
    done = run(STOPPING, "SIGTERM", "50")

    assert done.returncode == 143
    assert time.monotonic() - start < 20


def test_handlers_are_kept_and_given_back():
    done = run(KEPT)

    assert done.returncode == 0, done.stderr


def test_a_process_ends_with_its_parent():
    child = int(run(PARENT, CHILD).stdout)
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            os.kill(child, 0)
            time.sleep(0.1)
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return
    pytest.fail("it went on alone")


GENTLY = """
import os, signal, sys, time
from pipeline.runtime import signals
signals.CLEANUP_SECONDS = 5.0
asked = []
try:
    with signals.stopping_on_signals(lambda: print("broken off")):
        with signals.stopping_gracefully(lambda: asked.append(1), seconds=float(sys.argv[2])):
            for _ in range(int(sys.argv[1])):
                os.kill(os.getpid(), signal.SIGTERM)
            end = time.monotonic() + float(sys.argv[3])
            while time.monotonic() < end:
                time.sleep(0.05)
            print("came to its end")
        print("went on")
except signals.Stopped as stopped:
    print(stopped.code, len(asked))
    sys.exit(stopped.code)
"""


@pytest.mark.parametrize(
    ("count", "patience", "needed", "expected"),
    [
        ("1", "30", "0.2", ["came to its end", "broken off", "143 1"]),
        ("2", "30", "60", ["broken off", "143 1"]),
        ("1", "0.3", "60", ["broken off", "143 1"]),
        ("0", "30", "0.1", ["came to its end", "went on"]),
    ],
)
def test_a_block_may_come_to_its_end_unless_it_takes_too_long_or_a_second_signal_comes(
    count, patience, needed, expected
):
    done = run(GENTLY, count, patience, needed)

    assert done.stdout.splitlines() == expected, done.stderr
    assert done.returncode == (143 if count != "0" else 0)
