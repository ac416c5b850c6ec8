from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.runtime.progress import Progress, watch_spark
from pipeline.runtime.terminal import Terminal

ON_A_TERMINAL = """
from pipeline.runtime.logs import configure_logging
from pipeline.runtime.progress import open_progress
import logging
configure_logging(False)
with open_progress() as progress:
    progress.update("Counting: 1 of 9 tasks")
    progress.update("Counting: 2 of 9 tasks " + "x" * 500)
    logging.getLogger("pipeline").warning("look here")
    progress.done("Counted")
    progress.update("Writing")
"""


@pytest.fixture
def clock():
    """Seconds that pass only when a test says so."""

    class Clock:
        now = 100.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


def test_plain_lines_come_when_the_state_changes_and_every_few_seconds(stream, clock):
    progress = Progress(Terminal(stream), clock, lambda: f"12:00:{clock.now - 100:02.0f}")
    for text in ("Reading", "Writing: 1 of 9", "Writing: 2 of 9", "Writing: 3 of 9"):
        progress.update(text)
        clock.now += 1.0
    clock.now += 3.0
    progress.update("Writing: 7 of 9")
    progress.update("Writing: 8 of 9")
    progress.done("Written")

    assert stream.getvalue().splitlines() == [
        "12:00:00 INFO  progress: Reading",
        "12:00:01 INFO  progress: Writing: 1 of 9",
        "12:00:07 INFO  progress: Writing: 7 of 9",
        "12:00:07 INFO  progress: Written",
    ]


def test_a_state_that_comes_back_after_it_was_done_is_told_again(stream, clock):
    progress = Progress(Terminal(stream), clock)
    for _ in range(2):
        progress.update("Fold 1")
        progress.done("Done")

    assert stream.getvalue().count("Fold 1") == 2


def test_lines_of_many_threads_stay_whole(stream):
    progress = Progress(Terminal(stream))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: progress.done("abc" * 50 + str(n)), range(200)))

    lines = stream.getvalue().splitlines()
    assert sorted(int(line.partition("abc" * 50)[2]) for line in lines) == list(range(200))


def test_a_reader_that_went_away_does_not_end_the_job():
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    Progress(Terminal(stream)).done("nobody hears this")
    with pytest.raises(BrokenPipeError):
        stream.close()


def on_a_terminal(**environment: str) -> str:
    """What the script above draws on a terminal of 80 columns."""
    leader, follower = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    command = [sys.executable, "-c", ON_A_TERMINAL]
    env = {**known, "COLUMNS": "80", "TERM": "xterm", **environment}
    process = subprocess.Popen(command, stderr=follower, env=env)
    os.close(follower)
    drawn = b""
    try:
        while piece := os.read(leader, 4096):
            drawn += piece
    except OSError:  # how Linux says that the last writer has closed a terminal
        pass
    os.close(leader)
    assert process.wait(timeout=60) == 0
    return drawn.decode().replace("\r\n", "\n")


def test_on_a_terminal_one_line_is_redrawn():
    drawn = on_a_terminal()

    erase = "\r\x1b[2K"
    first, second, rest = drawn.split(erase, 2)
    assert first == "[   0s] Counting: 1 of 9 tasks"
    assert second.startswith("[   0s] Counting: 2 of 9 tasks xxx")
    assert len(second) == 79, "cut to the terminal, one column left free"
    message, redrawn = rest.split("\n", 1)
    assert message.endswith("WARN  pipeline: look here"), "logs stand above the live line"
    assert redrawn.startswith(second), "which is drawn again"
    assert re.search(r"\x1b\[32m\d\d:\d\d:\d\d\x1b\[0m INFO  progress: Counted\n", redrawn), "as logs are"
    assert redrawn.endswith(f"Writing{erase}"), "and gone at the end"


def test_no_color_and_dumb_terminals_are_respected():
    assert "\x1b[32m" not in on_a_terminal(NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(TERM="dumb")


@pytest.mark.spark
def test_spark_s_tasks_are_counted(spark, stream):
    with watch_spark(spark, Progress(Terminal(stream)), "Sleeping"):
        spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: time.sleep(2.5))

    lines = [line.partition("progress: ")[2] for line in stream.getvalue().splitlines()]
    assert lines[0] == "Sleeping"
    assert lines[1] in ("Sleeping: 0 of 2 tasks", "Sleeping: 1 of 2 tasks")


@pytest.mark.spark
def test_an_error_passes_the_watch(spark, stream):
    with pytest.raises(ZeroDivisionError), watch_spark(spark, Progress(Terminal(stream)), "Dividing"):
        _ = 1 / 0
