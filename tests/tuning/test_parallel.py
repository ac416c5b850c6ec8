"""Pieces of work side by side, and how they are told to stop."""

from __future__ import annotations

from pipeline.tuning.parallel import Stopper


def test_what_begins_after_a_stop_is_told_at_once_and_what_ended_is_not():
    told: list[str] = []
    stopper = Stopper()
    with stopper.registered(lambda: told.append("ended before")):
        pass
    with stopper.registered(lambda: told.append("going on")):
        stopper.stop()
    with stopper.registered(lambda: told.append("too late")):
        pass
    assert told == ["going on", "too late"]
    assert stopper.is_stopped
