"""Pieces of work side by side, each followed by a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAKE_SECONDS = 0.2
"""How soon this thread notices a signal."""


def side_by_side(count: int, take: Callable[[], T | None], work: Callable[[T], None], stop: Callable[[], None]) -> None:
    """Take pieces and do them, `count` at a time, until there are no more.

    Args:
        count: of threads.
        take: the next piece; None where there is none. Called by several threads.
        work: does one; what it raises ends all, when the others have done theirs.
        stop: called where this thread is interrupted, so that those at work end soon.
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

    threads = [threading.Thread(target=follow, name=f"side-by-side-{number}", daemon=True) for number in range(count)]
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
