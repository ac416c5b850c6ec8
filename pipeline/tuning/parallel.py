"""Work in parallel, each piece in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WAKE_SECONDS = 0.2
"""How soon the main thread notices a signal: Python runs signal handlers between two waits of the main thread."""


class Stopper:
    """Stops all registered work; work that is registered later is stopped at once."""

    def __init__(self) -> None:
        """No work is registered yet."""
        self._stops: list[Callable[[], None]] = []
        self._stopped, self._lock = False, threading.Lock()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    @contextmanager
    def registered(self, stop: Callable[[], None]) -> Iterator[None]:
        """Register work for the length of a block; `stop` must return at once, and ask the work to end soon."""
        with self._lock:
            self._stops.append(stop)
            if self._stopped:
                stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)

    def stop(self) -> None:
        """Stop everything that is registered; may be called by any thread."""
        with self._lock:
            self._stopped = True
            for stop in self._stops:
                stop()


def run_parallel(count: int, take: Callable[[], T | None], work: Callable[[T], None], stop: Callable[[], None]) -> None:
    """Do pieces of work, `count` at a time, until there are no more.

    The threads of the pieces are joined in any case: they use Spark and the tracked runs of the caller's block.

    Args:
        count: the number of threads.
        take: returns the next piece, or None where there is none; called by several threads.
        work: does one piece; an error is raised once the other threads have finished their pieces.
        stop: called when the main thread is interrupted, so that the other threads end soon.
    """
    failures: list[BaseException] = []
    over = threading.Event()

    def follow() -> None:
        try:
            while not over.is_set() and (piece := take()) is not None:
                work(piece)
        except BaseException as error:
            failures.append(error)
            over.set()

    threads = [threading.Thread(target=follow, name=f"parallel-{number}", daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(WAKE_SECONDS)
    except BaseException:
        over.set()
        stop()
        for thread in threads:
            thread.join()
        raise
    if failures:
        raise failures[0]


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do some work in another thread during the block, and wait for its end; an error of the block comes first."""
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as executor:
        done = executor.submit(work)
        yield
        done.result()
