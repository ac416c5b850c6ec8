"""Keeps standard output for a job's result, whatever libraries write to it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def reserved_standard_output() -> Iterator[Callable[[str], None]]:
    """Send everything that is written to standard output within the block, by native code too, to standard error.

    Yields:
        A function that writes a line to the real standard output, or raises OSError with its path.
    """
    sys.stdout.flush()
    original = os.dup(1)
    os.dup2(2, 1)

    def write(line: str) -> None:
        sys.stdout.flush()
        try:
            os.write(original, f"{line}\n".encode())
        except OSError as error:
            raise OSError(error.errno, error.strerror, _path_of(original)) from error

    try:
        # Python's own stream may not lead to descriptor 1, such as in notebooks.
        with redirect_stdout(sys.stderr):
            yield write
    finally:
        sys.stdout.flush()
        os.dup2(original, 1)
        os.close(original)


def _path_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return "standard output"


def in_spark_submit() -> bool:
    """Whether spark-submit started this program, and so its Java process too."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def leave_spark_submit_pipe() -> None:
    """Write to the terminals or pipes that spark-submit itself writes to.

    spark-submit starts Python with one pipe for both outputs and copies it to its own standard output. If its own
    outputs are terminals or pipes, Linux lets us open them. A regular file is left to spark-submit: two writers that do
    not share a position would overwrite each other.
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
