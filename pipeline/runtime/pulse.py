"""Signs of life: what a rank is doing, told by the code that does it, for whoever watches the ranks.

A rank that waits for another one, as all do in a collective, looks like one that is stuck; a count of what each has
begun tells them apart. No clock is compared between hosts: the watcher measures, with its own, how long a count stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STARTS, JOINS = "starts", "joins the other ranks"


class Pulse:
    """What one rank does.

    Attributes:
        activity: the latest.
        begun: how many were begun since the rank joined the others; 0 where the work does not tell.
    """

    def __init__(self) -> None:
        """Nothing begun yet."""
        self.activity, self.begun = STARTS, 0

    def does(self, activity: str, *, counts: bool = True) -> None:
        """Begin something; what belongs to the start does not count."""
        self.activity = activity
        self.begun += counts


_current: ContextVar[Pulse | None] = ContextVar("pulse", default=None)


@contextmanager
def felt(pulse: Pulse) -> Iterator[None]:
    """Have `does` tell this pulse in the block."""
    token = _current.set(pulse)
    try:
        yield
    finally:
        _current.reset(token)


def does(activity: str, *, counts: bool = True) -> None:
    """Tell that the rank begins something; nothing happens where nobody watches."""
    pulse = _current.get()
    if pulse is not None:
        pulse.does(activity, counts=counts)
