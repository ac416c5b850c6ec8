"""Filters what other programs write to our standard error: known noise is dropped, everything else is passed on.

The Java process, and through it Spark's Python workers, inherit the job's standard error. Two messages obey no setting:
Java announces a module that Spark requests, and TensorFlow logs information on import in spite of its log level. So
their output goes through a pipe and this filter, which makes it as safe for a terminal as our own log lines: both may
quote users' data.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.runtime.logs import safe_text
from pipeline.runtime.terminal import standard_error

NOISE = re.compile(
    r"WARNING: Using incubator modules: jdk\.incubator\.vector"
    r"|WARNING: All log messages before absl::InitializeLog\(\) is called"
    r"|I\d{4} \d\d:\d\d:\d\d\.?\d* +\d+ \S+\] "  # absl's level INFO; W, E and F pass
    r"|I0000 00:00:\d+\.\d+ +\d+ \S+\] "  # the same before absl's clock runs
    r"|To enable the following instructions: "  # second line of an INFO message
    r"|\s+at [\w.$/]+\([\w. :]*\)$|\s+\.\.\. \d+ more$"  # frames of a Java stack trace; Python gets errors whole
)

MAX_LINE = 1 << 16
"""Characters; a longer line becomes several."""


def is_noise(line: str) -> bool:
    """Whether a line is known to be useless to the user."""
    return NOISE.match(line) is not None


def open_filtered_pipe() -> int:
    """A file descriptor for a child's output, whose lines go to our standard error, without noise.

    The caller closes it once the child has it. The forwarding thread ends when the child does.
    """
    reading, writing = os.pipe()
    threading.Thread(target=_forward, args=(reading, standard_error().line), name="stderr-filter", daemon=True).start()
    return writing


@contextmanager
def filtered_standard_error(prefix: str = "") -> Iterator[None]:
    """Filter what this process, native libraries included, writes to standard error within the block.

    Args:
        prefix: put before each line that is passed on.
    """
    sys.stderr.flush()
    original, (reading, writing) = os.dup(2), os.pipe()

    def write(line: str) -> None:
        os.write(original, f"{prefix}{line}\n".encode(errors="replace"))

    thread = threading.Thread(target=_forward, args=(reading, write), name="stderr-filter", daemon=True)
    thread.start()
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        # In this order: what Python has buffered must still go through the pipe; restoring the original closes the
        # pipe's only writing end, which ends the thread; until then the thread writes to the original. A child process
        # that inherited the pipe keeps it open, and the join waits for it.
        sys.stderr.flush()
        os.dup2(original, 2)
        thread.join()
        os.close(original)


def _forward(reading: int, write: Callable[[str], None]) -> None:
    # Lines end with \n alone: what follows a carriage return must not pass for a line of its own.
    with open(reading, encoding="utf-8", errors="replace", newline="\n") as lines:
        while line := lines.readline(MAX_LINE):
            if not is_noise(line):
                write(safe_text(line.rstrip("\r\n")))
