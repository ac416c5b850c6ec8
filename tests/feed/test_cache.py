"""Caches: the same order, nothing read twice, bounds that are kept and told."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from pipeline.errors import StoreError
from pipeline.feed.blocks import BlockStream
from pipeline.feed.cache import DiskCache, MemoryCache, open_cache
from pipeline.feed.memory import Resources
from pipeline.feed.rows import Rows
from tests.support.feeds import feed_of, numbered, publish

EPOCHS = 3
ENOUGH = 1 << 30


def labels(store, cache, epochs: int = EPOCHS) -> np.ndarray:
    # One thread: two may come to a row slice of the next epoch before the first has put it away.
    feed = feed_of(store, k=1, resources=Resources(cache=cache, threads=1))
    stream = BlockStream(feed, last_epoch=epochs - 1)
    blocks = list(stream.blocks())
    stream.close()
    assert len(blocks) == epochs * feed.plan.steps
    return np.concatenate([block.label.ravel() for block in blocks])


def some_rows(count: int = 10) -> Rows:
    rng = np.random.default_rng(count)
    texts = np.array([b"", b"caf\xc3\xa9", b"\x00\xff"] * count, object)[:count]
    return Rows(
        {
            "numeric": rng.normal(size=(count, 3)).astype(np.float32),
            "categorical": np.empty((count, 0), np.int32),
            "vec": rng.normal(size=(count, 2, 2)).astype(np.float32),
            "text": texts,
        },
        rng.normal(size=count),
        np.arange(count),
        np.ones(count, np.float32),
    )


def assert_same(one: Rows, other: Rows) -> None:
    assert one.arrays().keys() == other.arrays().keys()
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])
        assert array.dtype == other.arrays()[name].dtype


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_cache_changes_nothing_and_no_file_is_read_twice(id_store, reads, kind):
    store = id_store([900, 700], row_group=100)
    plain = labels(store, open_cache("none", ENOUGH))
    assert len(reads) == EPOCHS * 16
    reads.clear()
    with closing(open_cache(kind, ENOUGH)) as cache:
        np.testing.assert_array_equal(labels(store, cache), plain)
    assert len(reads) == 16


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_bound_is_kept_and_told_once(id_store, reads, caplog, kind):
    """A row of this store takes 32 bytes, so half of 16 row groups of 100 rows fit."""
    store = id_store([900, 700], row_group=100)
    plain = labels(store, open_cache("none", ENOUGH))
    reads.clear()
    with caplog.at_level(logging.WARNING), closing(open_cache(kind, 16 * 100 * 32 // 2)) as cache:
        np.testing.assert_array_equal(labels(store, cache), plain)
    assert len(reads) == 16 + (EPOCHS - 1) * 8
    told = [record.getMessage() for record in caplog.records if "train.cache" in record.getMessage()]
    rest = "train.cache_bytes of 25600 is used up: rows that are not kept are read anew in each epoch."
    assert told == [f"train.cache: {kind}; {rest}"]


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_store_that_changes_is_noticed_with_a_cache_too(id_store, kind):
    store = id_store([900, 700], row_group=100)
    with closing(open_cache(kind, ENOUGH)) as cache:
        stream = BlockStream(feed_of(store, k=1, resources=Resources(cache=cache)))
        blocks = stream.blocks()
        list(islice(blocks, 4))
        (path,) = [file for file in store.split("train").files if file.shard == 1]
        os.utime(f"{store.path.path}/{path.path}", ns=(1, 1))
        with pytest.raises(StoreError, match=r"shard-01.parquet cannot be read: it was written to while it was read"):
            list(islice(blocks, 400))
        stream.close()


@pytest.mark.parametrize("cache", [MemoryCache(ENOUGH), DiskCache(ENOUGH)])
def test_every_kind_of_column_comes_back(cache):
    with closing(cache):
        rows = some_rows()
        assert cache.get("a") is None
        cache.put("a", rows)
        cache.put("b", some_rows(1))
        cache.put("a", some_rows(2))
        assert_same(cache.get("a"), some_rows())
        assert_same(cache.get("b"), some_rows(1))


def test_kept_rows_cannot_be_written_to():
    cache = MemoryCache(ENOUGH)
    cache.put("a", some_rows())
    with pytest.raises(ValueError, match="read-only"):
        cache.get("a").tensors["numeric"][0, 0] = 1.0


def test_rows_that_changed_on_the_disk_are_refused():
    with closing(DiskCache(ENOUGH)) as cache:
        cache.put("a", some_rows())
        os.pwrite(cache._file.fileno(), b"?", 20)
        with pytest.raises(StoreError, match=r"kept on the disk .* have changed since"):
            cache.get("a")


def test_rows_that_the_disk_lost_are_refused():
    with closing(DiskCache(ENOUGH)) as cache:
        cache.put("a", some_rows())
        os.ftruncate(cache._file.fileno(), 20)
        with pytest.raises(StoreError, match=r"kept on the disk .* have changed since"):
            cache.get("a")


def test_a_full_disk_is_a_bound(id_store, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = id_store([900, 700], row_group=100)
    plain = labels(store, open_cache("none", ENOUGH))
    monkeypatch.setattr("os.pwrite", full)
    with caplog.at_level(logging.WARNING), closing(DiskCache(ENOUGH)) as cache:
        np.testing.assert_array_equal(labels(store, cache), plain)
    assert [record.getMessage() for record in caplog.records].count(
        "train.cache: disk; the disk is full after 0 MB: rows that are not kept are read anew in each epoch."
    ) == 1


def test_the_file_has_no_name(tmp_path):
    with closing(DiskCache(ENOUGH, str(tmp_path))) as cache:
        cache.put("a", some_rows())
        assert list(tmp_path.iterdir()) == []


def test_two_feeds_may_share_a_cache(tmp_path, reads):
    store = publish(tmp_path, [numbered(range(100)), numbered(range(100, 180))])
    with closing(MemoryCache(ENOUGH)) as cache:
        first, again = (labels(store, cache, epochs=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(reads) == 4
