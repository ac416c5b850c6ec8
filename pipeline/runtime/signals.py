"""SIGTERM and Ctrl-C end a job in order: once, wherever it is, and within a bounded time."""

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
    """A signal ended the job. Not an Exception, so that no ordinary `except` catches it; context managers clean up.

    Attributes:
        code: the exit code of the process.
        name: the name of the signal.
    """

    def __init__(self, number: int) -> None:
        """The signal's number."""
        self.code = 128 + number
        self.name = signal.Signals(number).name
        super().__init__(f"Stopped by {self.name}")


@contextmanager
def stopping_on_signals(before: Callable[[], None]) -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first SIGTERM or SIGINT; further signals are ignored.

    If cleaning up hangs, the process exits without it after CLEANUP_SECONDS.

    Args:
        before: called in the main thread just before `Stopped` is raised.
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
        # After the first signal the handler stays, so that a second one does not interrupt the clean-up.
        if not stopping:
            for number, handler in replaced.items():
                signal.signal(number, handler)


@contextmanager
def stopping_gracefully(request_stop: Callable[[], None], seconds: float = GRACE_SECONDS) -> Iterator[None]:
    """Let the block finish at the first SIGTERM or SIGINT, which takes effect right after the block.

    A second signal, or a block that does not finish within `seconds`, is handled as it would be without this context.
    In other threads than the main one, which signals do not reach, this does nothing.

    Args:
        request_stop: called in the main thread at the first signal; asks the block to finish.
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
        if received:  # however the block ended, the reason is the signal
            signal.raise_signal(received[0])


@contextmanager
def preserving_interrupt_handler() -> Iterator[None]:
    """Restore the handler of Ctrl-C after the block: PySpark replaces it when a SparkContext starts."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        is_own = callable(before) and before is not signal.default_int_handler
        if is_own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def stop_with_parent() -> None:
    """Send this process SIGTERM once its parent process has ended: spark-submit does not."""
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
