"""Blocks as tensors: the same ones, entered anywhere, closed at any time."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.feed.cache import open_cache
from pipeline.feed.memory import Resources
from tests.feed.test_rows import SPECS, contract_with, rich
from tests.support.feeds import feed_of, publish

tf = pytest.importorskip("tensorflow")

from pipeline.feed.dataset import BlockReader  # noqa: E402 (TensorFlow takes seconds to import)

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore:Column .* has an unsupported field:UserWarning"),
]


def assert_equal(block, other) -> None:
    tf.nest.map_structure(np.testing.assert_array_equal, block, other)


def blocks_of(feed, epochs: int, **options):
    with BlockReader(feed, **options) as reader:
        return [block for _ in range(epochs) for block in reader.epoch()]


def test_tensors_are_what_the_feed_gives(tmp_path):
    store = publish(tmp_path, [rich(range(150)), rich(range(150, 260))], contract_with(*SPECS), row_group=40)
    feed = feed_of(store, batch=64)
    found = blocks_of(feed, 2)
    expected = [*feed.epoch(0), *feed.epoch(1)]
    assert len(found) == len(expected) == 2 * feed.blocks_from(0)
    for block, other in zip(found, expected, strict=True):
        assert_equal(block, other)
    assert found[0].tensors["city"].dtype == tf.string
    assert found[0].tensors["grid"].shape[2:] == (2, 3)


@pytest.mark.parametrize("cache", ["none", "memory", "disk"])
@pytest.mark.parametrize(("epoch", "step"), [(0, 3), (1, 0), (1, 7), (2, 14)])
def test_blocks_after_a_resume_are_those_of_the_undisturbed_reading(id_store, epoch, step, cache):
    store = id_store([900, 300, 250], row_group=70)
    feed = feed_of(store, batch=100, k=1)
    whole = blocks_of(feed, 3)
    with closing(open_cache(cache, 1 << 30)) as kept:
        resumed = feed_of(store, batch=100, k=1, resources=Resources(cache=kept))
        rest = blocks_of(resumed, 3 - epoch, first_epoch=epoch, first_step=step, last_epoch=2)
    assert len(rest) == len(whole) - epoch * feed.plan.steps - step
    for block, other in zip(rest, whole[epoch * feed.plan.steps + step :], strict=True):
        assert_equal(block, other)


def test_a_resume_within_a_block_serves_the_same_steps(id_store):
    store = id_store([900, 300], row_group=70)
    whole = np.concatenate([block.label for block in blocks_of(feed_of(store, batch=100, k=5), 1)])
    rest = np.concatenate([block.label for block in blocks_of(feed_of(store, batch=100, k=5), 1, first_step=7)])
    np.testing.assert_array_equal(rest, whole[7:])


def test_a_feed_without_rows_has_no_blocks(id_store):
    assert blocks_of(feed_of(id_store([0, 0])), 2) == []


def test_an_error_arrives_as_it_was_raised(id_store):
    store = id_store([40])
    with open(f"{store.path.path}/train/shard-00.parquet", "r+b") as file:
        file.truncate(50)
    with BlockReader(feed_of(store)) as reader, pytest.raises(StoreError, match=r"shard-00.parquet cannot be read"):
        list(reader.epoch())


AT_ONCE = 10.0
"""Seconds, on a machine that is busy with other tests; `scripts/bench feed` holds the first batch to two."""


def test_leaving_in_the_middle_of_an_epoch_ends_all_threads_at_once(id_store):
    store = id_store([6400] * 4, row_group=64)
    before = set(threading.enumerate())
    with BlockReader(feed_of(store, k=1)) as reader:
        next(reader.epoch())
        start = time.monotonic()
    assert time.monotonic() - start < AT_ONCE
    left = set(threading.enumerate()) - before
    assert {thread for thread in left if not isinstance(thread, threading._DummyThread)} == set()


def test_nothing_is_read_behind_the_last_epoch(id_store, reads):
    with BlockReader(feed_of(id_store([640], row_group=64)), last_epoch=1) as reader:
        for _ in range(2):
            list(reader.epoch())
        time.sleep(0.2)
    assert len(reads) == 20


def test_the_first_batch_comes_soon(id_store):
    store = id_store([4000] * 16, row_group=1000)
    start = time.monotonic()
    with BlockReader(feed_of(store)) as reader:
        next(reader.epoch())
        assert time.monotonic() - start < AT_ONCE
