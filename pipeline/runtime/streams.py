"""Standard output carries a job's result and nothing else, whoever else writes on it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def reserved_standard_output() -> Iterator[Callable[[str], None]]:
    """Everything written on standard output meanwhile, native code included, goes to standard error.

    Yields:
        The one way to the real standard output: writes a line.
    """
    sys.stdout.flush()
    original = os.dup(1)
    os.dup2(2, 1)

    def write(line: str) -> None:
        sys.stdout.flush()
        os.write(original, f"{line}\n".encode())

    try:
        # Python's own stream may lead elsewhere than to descriptor 1, in notebooks for one.
        with redirect_stdout(sys.stderr):
            yield write
    finally:
        sys.stdout.flush()
        os.dup2(original, 1)
        os.close(original)


def in_spark_submit() -> bool:
    """Whether spark-submit, and so somebody else's Java process, started this program."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def leave_spark_submit_pipe() -> None:
    """Write on the terminal or pipe that spark-submit itself writes on.

    spark-submit starts Python with one pipe for both of its outputs and copies that to its own standard output.
    Where its own outputs are terminals or pipes, Linux lets us open them. A regular file is left to spark-submit: two
    writers that do not share a position would overwrite each other.
    """
    for descriptor in (1, 2):
        try:
            stream = os.open(f"/proc/{os.getppid()}/fd/{descriptor}", os.O_WRONLY | os.O_NOCTTY)
        except OSError:
            return
        mode = os.fstat(stream).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            os.dup2(stream, descriptor)
        os.close(stream)
