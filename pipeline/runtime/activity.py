"""The activities of a rank, reported by the code that performs them, so that the driver can see whether ranks progress.

A rank that waits for another one, as all do in a collective, looks like one that is stuck; the number of activities
that each has begun tells them apart. Clocks of different hosts are never compared: the driver measures by its own clock
how long a number stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STARTS, JOINS, FINISHED = "starts", "joins the other ranks", "has finished"


class ActivityCount:
    """The current activity of a rank, and how many it has begun; one thread writes, the thread of heartbeats reads.

    Attributes:
        activity: the latest activity, as a verb with its object, such as `waits for rows`.
        begun: the number of activities since the rank joined the others; 0 where it reports none.
    """

    def __init__(self) -> None:
        """No activity has begun yet."""
        self.activity, self.begun = STARTS, 0

    def begin(self, activity: str, *, counts: bool = True) -> None:
        """Begin an activity; those before the ranks have joined each other do not count."""
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
    """Report that the rank begins an activity; does nothing outside of `activity_scope`."""
    count = _current.get()
    if count is not None:
        count.begin(activity, counts=counts)
