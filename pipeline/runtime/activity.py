"""What a rank is doing, reported by the code that does it, for the driver to see whether ranks make progress.

A rank that waits for another one, as all do in a collective, looks like one that is stuck; a count of what each has
begun tells them apart. No clock is compared between hosts: the watcher measures, with its own, how long a count stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

STARTS, JOINS = "starts", "joins the other ranks"


class ActivityCount:
    """What one rank is doing, and how much it has begun; one thread writes, and the thread of heartbeats reads.

    Attributes:
        activity: the latest activity, as a verb with its object, such as `waits for rows`.
        begun: the number of activities since the rank joined the others; 0 where the work reports none.
    """

    def __init__(self) -> None:
        """Nothing begun yet."""
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
