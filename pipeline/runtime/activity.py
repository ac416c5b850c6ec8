"""Signs of life: what a rank is doing, told by the code that does it, for whoever watches the ranks.

A rank that waits for another one, as all do in a collective, looks like one that is stuck; a count of what each has
begun tells them apart. No clock is compared between hosts: the watcher measures, with its own, how long a count stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STARTS, JOINS = "starts", "joins the other ranks"


class ActivityCount:
    """What one rank does.

    Attributes:
        activity: the latest.
        begun: how many were begun since the rank joined the others; 0 where the work does not tell.
    """

    def __init__(self) -> None:
        """Nothing begun yet."""
        self.activity, self.begun = STARTS, 0

    def begin(self, activity: str, *, counts: bool = True) -> None:
        """Begin something; what belongs to the start does not count."""
        self.activity = activity
        self.begun += counts


_current: ContextVar[ActivityCount | None] = ContextVar("activity_count", default=None)


@contextmanager
def activity_scope(count: ActivityCount) -> Iterator[None]:
    """Have `report_activity` count here, within the block."""
    token = _current.set(count)
    try:
        yield
    finally:
        _current.reset(token)


def report_activity(activity: str, *, counts: bool = True) -> None:
    """Tell that the rank begins something; nothing happens where nobody watches."""
    count = _current.get()
    if count is not None:
        count.begin(activity, counts=counts)
