"""What goes wrong while a store is read: every fault ends in bounded time, in an error that names the file."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.errors import PlatformError, StoreError
from pipeline.feed.blocks import BlockStream
from pipeline.feed.files import StoreFiles
from pipeline.feed.memory import Resources
from pipeline.feed.order import shard_row_slices
from pipeline.feed.reader import read_shard
from pipeline.store.pages import READ_CHECKED
from tests.support.feeds import feed_of, keep_ledger, numbered, publish

pytestmark = pytest.mark.timeout(60)

DEADLINE = 30.0
"""Seconds in which each of these ends, on a machine that is busy with other tests."""


def path_of(store, shard: int) -> Path:
    return Path(store.path.path) / "train" / f"shard-{shard:02d}.parquet"


def reading_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = reading_threads()
    start = time.monotonic()
    yield
    assert time.monotonic() - start < DEADLINE
    assert reading_threads() <= before


@pytest.mark.parametrize("content", [b"not parquet at all, but long enough to have a footer", b""])
def test_a_file_that_is_no_parquet_is_named(id_store, content):
    store = id_store([40])
    path_of(store, 0).write_bytes(content)
    with pytest.raises(StoreError, match=r"train/shard-00.parquet cannot be read: .*Prepare the store again"):
        list(feed_of(store).epoch(0))


@pytest.mark.parametrize("shard", [0, 1])
def test_a_missing_file_is_named(id_store, shard):
    store = id_store([40, 40])
    path_of(store, shard).unlink()
    with pytest.raises(StoreError, match=f"train/shard-0{shard}.parquet cannot be read"):
        list(feed_of(store).epoch(0))


def test_a_corrupt_row_group_is_named_when_its_turn_comes(id_store):
    store = id_store([4000], row_group=1000)
    footer = pq.read_metadata(path_of(store, 0)).row_group(2).column(3)
    content = bytearray(path_of(store, 0).read_bytes())
    start = footer.dictionary_page_offset or footer.data_page_offset
    content[start : start + footer.total_compressed_size] = bytes(footer.total_compressed_size)
    path_of(store, 0).write_bytes(bytes(content))
    blocks = []
    with pytest.raises(StoreError, match=r"train/shard-00.parquet cannot be read"):
        blocks.extend(feed_of(store, seed=None, k=1).epoch(0))
    assert sum(block.rows.sum() for block in blocks) == 2000  # the two row groups before it


@pytest.mark.skipif(not READ_CHECKED, reason="pyarrow 14 does not verify the checksums of pages")
def test_every_bit_of_a_page_counts_when_it_was_compared_before(id_store):
    """Storage loses bits without a trace in the time of the last change."""
    store = id_store([400], row_group=400)
    path, random = path_of(store, 0), np.random.default_rng(0)
    whole, group = path.read_bytes(), pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    list(feed_of(store).epoch(0))
    written, unnoticed = path.stat().st_mtime_ns, []
    for column in random.choice(len(columns), 40):
        chunk = columns[column]
        # At the end are values; what is altered in the head of a page may be a statistic, which nobody reads.
        start, size = chunk.dictionary_page_offset or chunk.data_page_offset, chunk.total_compressed_size
        place = start + random.integers(size * 7 // 8, size)
        content = bytearray(whole)
        content[place] ^= 1 << random.integers(8)
        path.write_bytes(bytes(content))
        os.utime(path, ns=(written, written))
        try:
            list(feed_of(store).epoch(0))
            unnoticed.append((chunk.path_in_schema, place))
        except StoreError as error:
            assert re.search("train/shard-00.parquet cannot be read: .*checksum", str(error))
    assert not unnoticed


@pytest.mark.parametrize("told", [39, 41])
def test_a_row_group_that_does_not_hold_what_the_manifest_tells_is_named(id_store, told):
    store = id_store([40])
    split = store.split("train")
    file = split.files[0].model_copy(update={"rows": told, "row_groups": (told,)})
    splits = {**store.manifest.splits, "train": split.model_copy(update={"rows": told, "files": (file,)})}
    altered = replace(store, manifest=store.manifest.model_copy(update={"splits": splits}))
    with pytest.raises(StoreError, match=f"shard-00.parquet .* 0 held 40 rows where the manifest says {told}"):
        list(feed_of(altered, batch=16).epoch(0))


def test_a_file_that_was_exchanged_between_epochs_is_named(id_store, tmp_path):
    store = id_store([600, 600])
    stream = BlockStream(feed_of(store, k=1, batch=100))
    blocks = stream.blocks()
    for _ in range(12):
        next(blocks)
    other = publish(tmp_path / "other", [numbered(range(5000, 5600))])
    path_of(other, 0).replace(path_of(store, 1))
    with pytest.raises(StoreError, match=r"shard-01.parquet cannot be read: (it was written to|it has \d+ bytes)"):
        for _ in blocks:
            pass
    stream.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(["x1"]), "column 'x1' is float32 in the contract, and no such column in the file"),
        (
            lambda table: table.set_column(0, "x0", table["x0"].cast("float64")),
            "column 'x0' is float32 in the contract, and double in the file",
        ),
        (
            lambda table: table.set_column(2, "c0", [[None, *table["c0"].to_pylist()[1:]]]).cast(table.schema),
            "column 'c0' has 1 nulls, and a store has none",
        ),
        (lambda table: table.select(table.column_names[::-1]), None),
    ],
)
def test_columns_are_held_against_the_contract(tmp_path, change, message):
    store = publish(tmp_path, [change(numbered(range(40)))])
    if message is None:
        assert sorted(keep_ledger(store).ids.tolist()) == list(range(40))
        return
    with pytest.raises(StoreError, match=f"train/shard-00.parquet cannot be read: {message}"):
        list(feed_of(store).epoch(0))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_killed_is_named(id_store, monkeypatch):
    def killed(self, row_slice):
        raise SystemExit  # ends a thread without a word

    monkeypatch.setattr(StoreFiles, "read", killed)
    with pytest.raises(PlatformError, match=r"Reading thread 1 of 2 died while it read row group \d of train"):
        list(feed_of(id_store([400] * 4), resources=Resources(threads=2)).epoch(0))


def test_a_read_that_never_ends_is_given_up(id_store, monkeypatch):
    released = threading.Event()

    def stuck(self, row_slice):
        released.wait(3.0)
        return original(self, row_slice)

    original = StoreFiles.read
    monkeypatch.setattr(StoreFiles, "read", stuck)
    resources = Resources(threads=2, stall_seconds=1.0)
    monkeypatch.setattr("pipeline.feed.petastorm_reader.JOIN_SECONDS", 0.1)
    with pytest.raises(PlatformError, match=r"Reading thread 1 of 2 has not delivered row group 0 of train/shard"):
        list(feed_of(id_store([64] * 4), resources=resources).epoch(0))
    released.set()
    time.sleep(0.2)


def test_a_slow_disk_is_waited_for(id_store, monkeypatch):
    def slow(self, row_slice):
        time.sleep(0.05)
        return original(self, row_slice)

    store = id_store([640] * 2, row_group=64)
    expected = keep_ledger(store).ids.tolist()
    original = StoreFiles.read
    monkeypatch.setattr(StoreFiles, "read", slow)
    assert keep_ledger(store, resources=Resources(stall_seconds=1.0)).ids.tolist() == expected


def wakings(threads: set[threading.Thread]) -> int:
    """How often threads gave up the processor of their own accord, as Linux counts it."""
    folder = Path("/proc/self/task")
    texts = [(folder / str(thread.native_id) / "status").read_text() for thread in threads]
    return sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in texts)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux counts it so")
def test_threads_that_are_far_enough_ahead_sleep(id_store):
    """Petastorm's own wake a thousand times a second."""
    before = reading_threads()
    stream = BlockStream(feed_of(id_store([640] * 2, row_group=64), k=1, batch=64))
    next(stream.blocks())
    threads = reading_threads() - before
    woken = []
    while not woken or (woken[-1] >= 20 and len(woken) < 15):  # they may take a while to get ahead
        start = wakings(threads)
        time.sleep(0.2)
        woken.append(wakings(threads) - start)
    stream.close()
    assert threads
    assert woken[-1] < 20


def test_closing_in_the_middle_ends_the_threads_at_once(id_store):
    store = id_store([6400] * 4, row_group=64)
    blocks = feed_of(store, k=1).epoch(0)
    next(blocks)
    start = time.monotonic()
    blocks.close()
    assert time.monotonic() - start < DEADLINE / 3


def test_closing_from_another_thread_ends_the_waiting(id_store, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(StoreFiles, "read", lambda self, row_slice: released.wait(DEADLINE))
    stream = BlockStream(feed_of(id_store([64] * 4)))
    served = []
    consumer = threading.Thread(target=lambda: served.extend(stream.blocks()))
    consumer.start()
    time.sleep(0.3)
    start = time.monotonic()
    monkeypatch.setattr("pipeline.feed.petastorm_reader.JOIN_SECONDS", 0.1)
    stream.close()
    consumer.join(DEADLINE / 3)
    assert not consumer.is_alive()
    assert time.monotonic() - start < DEADLINE / 3
    assert served == []
    released.set()
    time.sleep(0.2)


def test_no_row_group_is_lost_when_the_reader_is_fast(id_store):
    store = id_store([640], row_group=4)
    for epoch in range(5):
        assert sum(block.weight.sum() for block in feed_of(store, batch=64).epoch(epoch)) == 640


def test_a_shard_is_read_in_the_order_of_its_file(id_store):
    store = id_store([10, 200], row_group=64)
    parts = list(read_shard(store, "train", 1))
    assert [len(part) for part in parts] == [64, 64, 64, 8]
    assert [row for part in parts for row in part.row_id] == list(range(10, 210))
    assert list(read_shard(store, "validation", 0)) == []


def test_a_reader_that_is_left_in_the_middle_ends(id_store):
    reading = read_shard(id_store([6400], row_group=64), "train", 0)
    next(reading)
    reading.close()


def test_where_footers_take_too_much_they_are_not_kept(id_store, monkeypatch):
    store = id_store([640, 320], row_group=64)
    expected = keep_ledger(store).ids.tolist()
    files = StoreFiles(store, "train", 1)
    row_slice = shard_row_slices(store.split("train"), 1, 100)[2]
    assert files.read(row_slice).row_id.tolist() == list(range(640 + 128, 640 + 192))
    assert files._open_files == {}
    monkeypatch.setattr("pipeline.feed.files.FOOTER_BYTES", 1 << 30)
    assert keep_ledger(store).ids.tolist() == expected


def test_files_that_were_not_used_for_longest_are_closed_first(id_store, monkeypatch):
    monkeypatch.setattr("pipeline.feed.files.OPEN_AT_MOST", 2)
    store = id_store([10, 10, 10])
    files = StoreFiles(store, "train", 1 << 30)
    for shard in (0, 1, 0, 2, 0):
        files.read(shard_row_slices(store.split("train"), shard, 100)[0])
    assert list(files._open_files) == ["train/shard-02.parquet", "train/shard-00.parquet"]
