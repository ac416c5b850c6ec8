"""Pieces of work side by side, and how they are told to stop."""

from __future__ import annotations

import time
from functools import partial
from typing import NoReturn

import pytest

from pipeline.errors import TrainError
from pipeline.tuning.parallel import Stopper, beside


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


def fail(message: str) -> NoReturn:
    raise TrainError(message)


def test_work_beside_a_block_is_waited_for_and_its_error_is_raised():
    done = []
    with beside(lambda: done.append(time.sleep(0.1))):
        assert not done
    assert len(done) == 1
    with pytest.raises(TrainError, match="beside"), beside(partial(fail, "beside")):
        pass
    with pytest.raises(TrainError, match="block"), beside(partial(fail, "beside")):
        fail("block")
