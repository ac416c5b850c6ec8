"""The progress of a job on standard error: one live line on a terminal, and lines in the layout of logs elsewhere.

A state is a text without its numbers: `Epoch 3 of 20` and `Epoch 4 of 20` are one state. Where there is no terminal, a
line is written when the state changes, and every few seconds while it lasts. The live line shows the seconds since the
start of the job; it is replaced all the time, so nobody compares it with other lines by the time of day.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.runtime.cancel import cancelling
from pipeline.runtime.logs import TIME_OF_DAY, info_line, safe_text
from pipeline.runtime.terminal import Terminal, standard_error

if TYPE_CHECKING:
    from pyspark import StatusTracker
    from pyspark.sql import SparkSession

NUMBER = re.compile(r"\d[\d.,]*")
PLAIN_SECONDS = 5.0
POLL_SECONDS = 0.5
GREEN = 32
NAME = "progress"
"""Stands where log lines have the logger's name."""


class Progress:
    """Progress of one job, to be used as a context manager, from any thread."""

    def __init__(
        self,
        terminal: Terminal,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], str] = lambda: time.strftime(TIME_OF_DAY),
    ) -> None:
        """Show it on `terminal`; `clock` counts seconds from any start, `time_of_day` dates lines that stay."""
        self._terminal = terminal
        self._clock, self._time_of_day = clock, time_of_day
        self._started = clock()
        self._lock = threading.Lock()
        self._state = ""
        self._printed = 0.0

    def update(self, text: str) -> None:
        """Show the current state."""
        text = safe_text(text)
        if self._terminal.is_live:
            self._terminal.live(f"[{self._clock() - self._started:4.0f}s] {text}")
        elif self._is_due(text):
            self._terminal.line(f"{self._time_of_day()} {info_line(NAME, text)}")

    def done(self, text: str) -> None:
        """Report what was finished; this line stays."""
        with self._lock:
            self._state = ""
        self._terminal.live("")
        time_of_day = self._terminal.coloured(self._time_of_day(), GREEN)
        self._terminal.line(f"{time_of_day} {info_line(NAME, safe_text(text))}")

    def __enter__(self) -> Progress:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the live line."""
        self._terminal.live("")

    def _is_due(self, text: str) -> bool:
        state, now = NUMBER.sub("#", text), self._clock()
        with self._lock:
            due = state != self._state or now - self._printed >= PLAIN_SECONDS
            if due:
                self._state, self._printed = state, now
        return due


def open_progress() -> Progress:
    """Progress on this process's standard error."""
    return Progress(standard_error())


@contextmanager
def watch_spark(spark: SparkSession, progress: Progress, what: str) -> Iterator[None]:
    """Show how many tasks of Spark's active stages are done while the block runs; cancel them if it raises.

    Args:
        spark: the session that runs them.
        progress: where to show it.
        what: the purpose of the work, e.g. `Writing the store`.
    """
    progress.update(what)
    end = threading.Event()
    tracker = spark.sparkContext.statusTracker()
    thread = threading.Thread(target=_follow, args=(tracker, progress, what, end), name="watch-spark", daemon=True)
    thread.start()
    try:
        with cancelling(spark):
            yield
    finally:
        end.set()
        thread.join()


def _follow(tracker: StatusTracker, progress: Progress, what: str, end: threading.Event) -> None:
    while not end.wait(POLL_SECONDS):
        try:
            if tasks := _tasks(tracker):
                progress.update(f"{what}: {tasks}")
        except Exception:
            # Spark is shutting down; the code that waits for its answer reports that.
            return


def _tasks(tracker: StatusTracker) -> str:
    """The progress of the active stages; empty between two stages."""
    infos: list[Any] = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    infos = [info for info in infos if info is not None]
    total = sum(info.numTasks for info in infos)
    return f"{sum(info.numCompletedTasks for info in infos)} of {total} tasks" if total else ""
