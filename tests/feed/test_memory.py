"""Who may hold how much, and when."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pipeline.feed.blocks import BlockStream
from pipeline.feed.memory import ROW_SLICES_AHEAD, Memory, ReadAheadLimit, Resources, row_bytes
from tests.support.feeds import feed_of, keep_ledger, with_memory
from tests.support.stores import regression_state, write_small_store

pytestmark = pytest.mark.timeout(60)

MB = 1 << 20


def enters(limit: ReadAheadLimit, number: int, size: int, within: float = 0.2) -> bool:
    """Whether a thread passes; one that does not is let go by closing the limit."""
    passed: list[bool] = []
    thread = threading.Thread(target=lambda: passed.append(limit.enter(number, size)))
    thread.start()
    thread.join(within)
    if thread.is_alive():
        limit.close()
        thread.join()
    return passed[0]


def test_a_feed_reads_ahead_up_to_an_eighth():
    memory = Memory(80 * MB)
    limit = ReadAheadLimit(memory)
    assert limit.enter(0, 6 * MB)
    assert limit.enter(1, 4 * MB)
    assert not enters(limit, 2, 1)
    assert memory.held == 0


def test_what_is_waited_for_always_passes():
    limit = ReadAheadLimit(Memory(80 * MB))
    limit.want(0)
    assert limit.enter(0, 100 * MB)
    limit.want(1)
    assert enters(limit, 1, 100 * MB)


def test_served_windows_count_until_they_are_given_back():
    memory = Memory(80 * MB)
    limit = ReadAheadLimit(memory)
    for number in range(6):
        assert limit.enter(number, 10 * MB)
        limit.serve(10 * MB)
    assert memory.held == memory.for_row_slices == 60 * MB
    limit.leave(10 * MB)
    assert enters(limit, 6, 10 * MB)
    assert not enters(limit, 7, 10 * MB)


def test_feeds_that_share_memory_hold_each_other_back():
    memory = Memory(80 * MB)
    one, other = ReadAheadLimit(memory), ReadAheadLimit(memory)
    for number in range(6):
        assert one.enter(number, 10 * MB)
        one.serve(10 * MB)
    assert not enters(other, 0, 10 * MB)
    one.close()
    assert memory.held == 0
    one.leave(10 * MB)
    assert memory.held == 0


def test_small_windows_are_counted():
    limit = ReadAheadLimit(Memory(80 * MB))
    for number in range(ROW_SLICES_AHEAD):
        assert limit.enter(number, 1)
    assert not enters(limit, ROW_SLICES_AHEAD, 1)


def test_threads_follow_from_the_machine_unless_told():
    assert 1 <= Resources().reader_threads <= 4
    assert Resources(threads=7).reader_threads == 7


def test_a_row_of_the_store_is_measured(tmp_path):
    store = write_small_store(tmp_path, {"train": [40]}, state=regression_state(numeric=500, sizes=()))
    rows = next(BlockStream(feed_of(store)).blocks())
    assert rows.tensors["numeric"].shape[-1] == 500
    assert row_bytes(store.contract, store.split("train")) == 500 * 4 + 8 + 8 + 4


@pytest.mark.parametrize("world", [1, 2])
def test_windows_do_not_depend_on_the_number_of_ranks(id_store, world):
    store = id_store([3000] * 4, row_group=3000)
    small = with_memory(256 << 10)
    alone = feed_of(store, resources=small).row_slices()
    mine = feed_of(store, resources=small, world=world, rank=world - 1).row_slices()
    assert mine == alone[world - 1 :: world]
    assert alone[0][0].rows < 3000


@pytest.mark.parametrize("columns", [2, 500])
def test_what_is_held_stays_within_the_limit(tmp_path, columns, monkeypatch):
    """Of a store that is many times as large as its memory; the highest count of bytes is taken after each step."""
    state = regression_state(numeric=columns, sizes=())
    rows = 40_000 if columns == 2 else 4_000
    store = write_small_store(tmp_path, {"train": [rows // 4] * 4}, state=state, row_group=rows // 40)
    size = row_bytes(store.contract, store.split("train")) * rows
    memory = Memory(size // 5)
    highest = []
    entered = ReadAheadLimit.enter

    def watched(self, number, size):
        passed = entered(self, number, size)
        highest.append(memory.held)
        return passed

    monkeypatch.setattr(ReadAheadLimit, "enter", watched)
    feed = feed_of(store, batch=50, k=1, resources=Resources(memory=memory))
    assert sum(block.rows.sum() for block in feed.epoch(0)) == rows
    assert size // 20 < max(highest) <= memory.for_row_slices
    assert memory.held == 0


def test_the_order_follows_from_the_plan_with_any_number_of_threads(id_store):
    store = id_store([700] * 4, row_group=50)
    orders = [keep_ledger(store, resources=Resources(threads=threads)).ids for threads in (1, 2, 5)]
    np.testing.assert_array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(orders[0], orders[2])
