"""SIGTERM and Ctrl-C end a job in order: once, from wherever it is, and within a bounded time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CLEANUP_SECONDS = 20.0
GRACE_SECONDS = 60.0
POLL_SECONDS = 1.0


class Stopped(BaseException):
    """A signal ended the job. No ordinary `except` holds it up; context managers tidy as it passes.

    Attributes:
        code: what the process ends with.
        name: of the signal.
    """

    def __init__(self, number: int) -> None:
        """The signal's number."""
        self.code = 128 + number
        self.name = signal.Signals(number).name
        super().__init__(f"Stopped by {self.name}")


@contextmanager
def stopping_on_signals(before: Callable[[], None]) -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGTERM or SIGINT; further ones change nothing.

    Should tidying up hang, the process ends hard after CLEANUP_SECONDS.

    Args:
        before: called in the main thread just before.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            _exit_after(CLEANUP_SECONDS, 128 + number)
            before()
            raise Stopped(number)

    replaced = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        # After the first signal the handler stays: what is left to do is the way out.
        if not stopping:
            for number, handler in replaced.items():
                signal.signal(number, handler)


@contextmanager
def stopping_gracefully(request_stop: Callable[[], None], seconds: float = GRACE_SECONDS) -> Iterator[None]:
    """Let the block come to an end of its own at the first SIGTERM or SIGINT, which takes effect right after it.

    A second signal, or `seconds` without an end, stops the block where it is, as if it were not in this one. In other
    threads than the main one, which signals do not reach, nothing changes.

    Args:
        request_stop: called in the main thread at the first signal; tells the block to come to an end.
        seconds: how long that may take.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:
            restore_handlers()
            signal.raise_signal(number)
            return
        received.append(number)
        timer.start()
        request_stop()

    def restore_handlers() -> None:
        for number, handler in replaced.items():
            signal.signal(number, handler)

    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), received[0]))
    timer.daemon = True
    replaced = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        timer.cancel()
        restore_handlers()
        if received:  # however the block ended, it did so since it was asked to
            signal.raise_signal(received[0])


@contextmanager
def preserving_interrupt_handler() -> Iterator[None]:
    """Put the handler of Ctrl-C back afterwards: PySpark takes it when a SparkContext starts."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        is_own = callable(before) and before is not signal.default_int_handler
        if is_own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def stop_with_parent() -> None:
    """Send ourselves SIGTERM once the parent process is gone; nobody else would."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="stop-with-parent", daemon=True).start()


def _exit_after(seconds: float, code: int) -> None:
    timer = threading.Timer(seconds, os._exit, args=(code,))
    timer.daemon = True
    timer.start()
