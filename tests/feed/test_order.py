"""The order of row groups and rows: pure, and well mixed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.feed.order import epoch_tasks, row_order, shard_row_slices
from pipeline.store.manifest import FileEntry, SplitEntry
from tests.support.feeds import keep_ledger, numbered, publish

GROUPS = st.lists(st.lists(st.integers(1, 40), max_size=5), min_size=1, max_size=5)


def split_of(shards: list[list[int]]) -> SplitEntry:
    """A file a shard, with these row groups."""
    entries = [
        FileEntry(path=f"train/{s}", shard=s, rows=sum(groups), bytes=1, sha256="", row_groups=tuple(groups))
        for s, groups in enumerate(shards)
    ]
    return SplitEntry(rows=sum(map(sum, shards)), files=tuple(entries))


def row_slices_of(shards, rows_at_most=15):
    entry = split_of(shards)
    return [shard_row_slices(entry, shard, rows_at_most) for shard in range(len(shards))]


@given(GROUPS, st.integers(1, 50))
def test_windows_cover_every_row_group_once_and_evenly(shards, at_most):
    for groups, row_slices in zip(shards, row_slices_of(shards, at_most), strict=True):
        assert [row_slice.number for row_slice in row_slices] == list(range(len(row_slices)))
        for number, rows in enumerate(groups):
            parts = [row_slice for row_slice in row_slices if row_slice.row_group == number]
            covered = [row for part in parts for row in range(part.first, part.first + part.rows)]
            assert covered == list(range(rows))
            assert max(part.rows for part in parts) - min(part.rows for part in parts) <= 1
            assert len(parts) == -(-rows // at_most)


@given(GROUPS, st.integers(0, 3), st.none() | st.integers(-5, 5))
def test_every_window_has_one_turn_an_epoch(shards, epoch, seed):
    row_slices = row_slices_of(shards)
    tasks = epoch_tasks(row_slices, epoch, seed)
    assert sorted((task.row_slice.shard, task.row_slice.number) for task in tasks) == [
        (row_slice.shard, row_slice.number) for shard in row_slices for row_slice in shard
    ]
    for task in tasks:
        rows = np.arange(task.row_slice.rows)
        assert sorted(rows[row_order(task, seed)].tolist()) == rows.tolist()


@given(GROUPS, st.none() | st.integers(0, 5), st.data())
def test_a_later_beginning_is_the_end_of_the_same_order(shards, seed, data):
    row_slices = row_slices_of(shards)
    given_before = [data.draw(st.integers(0, sum(groups))) for groups in shards]
    whole, rest = epoch_tasks(row_slices, 1, seed), epoch_tasks(row_slices, 1, seed, given_before)
    for shard in range(len(shards)):
        rows, late = (
            [
                (task.row_slice.number, row)
                for task in tasks
                if task.row_slice.shard == shard
                for row in np.arange(task.row_slice.rows)[row_order(task, seed)].tolist()
            ]
            for tasks in (whole, rest)
        )
        assert late == rows[given_before[shard] :]


@given(GROUPS, st.integers(0, 5))
def test_a_shard_is_in_the_same_order_whatever_others_are_read(shards, seed):
    row_slices = row_slices_of(shards)
    together = epoch_tasks(row_slices, 0, seed)
    for shard, alone in enumerate(row_slices):
        assert [task for task in together if task.row_slice.shard == shard] == epoch_tasks([alone], 0, seed)


def test_the_example_of_the_module():
    tasks = epoch_tasks(row_slices_of([[5], [3]], rows_at_most=2), 0, None)
    assert [task.row_slice.shard for task in tasks] == [0, 1, 0, 1, 0]


def test_a_manifest_that_contradicts_itself_is_refused():
    entry = split_of([[5, 5]])
    wrong = entry.model_copy(update={"files": (entry.files[0].model_copy(update={"rows": 11}),)})
    with pytest.raises(StoreError, match="11 rows of train/0, and row groups with 10"):
        shard_row_slices(wrong, 0, 10)


def mixing(ids: np.ndarray) -> tuple[float, float]:
    """How far an order is from a shuffled one: correlations of a row's rank with its place, and with the next row's."""
    place = abs(np.corrcoef(ids, np.arange(len(ids)))[0, 1])
    return float(place), float(abs(np.corrcoef(ids[:-1], ids[1:])[0, 1]))


SORTED_ROWS, SORTED_GROUP = 60_000, 1 << 10


def mixing_of_sorted_rows(folder) -> float:
    """How far the feed's orders of a table are from shuffled ones, whose rows are numbered and sorted by the number."""
    # The hash: neither place nor shard follows from a row's number.
    ids = np.random.default_rng(0).permutation(SORTED_ROWS)
    store = publish(folder, [numbered(part) for part in np.array_split(ids, 16)], row_group=SORTED_GROUP)
    return max(max(mixing(keep_ledger(store, epoch=epoch, k=16).ids)) for epoch in (0, 1))


@pytest.mark.slow
def test_a_sorted_table_comes_out_mixed(tmp_path):
    assert mixing_of_sorted_rows(tmp_path) < 0.02


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pyarrow.filesystem") is None, reason="Petastorm's own readers need pyarrow 14")
def test_it_comes_out_better_mixed_than_on_the_documented_road(tmp_path):
    (tmp_path / "table").mkdir()
    for number, part in enumerate(np.array_split(np.arange(SORTED_ROWS), 8)):
        path = tmp_path / "table" / f"{number}.parquet"
        pq.write_table(pa.table({"id": part}), path, row_group_size=SORTED_GROUP)
    assert max(mixing(documented_order(tmp_path / "table"))) > 5 * mixing_of_sorted_rows(tmp_path)


def test_files_that_are_sorted_throughout_come_out_mixed_all_the_same(tmp_path):
    """The worst that a store can hold: shard after shard, row after row in the order of the label."""
    ids = np.arange(60_000)
    store = publish(tmp_path, [numbered(part) for part in np.array_split(ids, 16)], row_group=1 << 10)
    ledger = keep_ledger(store, k=16)
    means = np.array([step.mean() for step in ledger.steps])
    place, _ = mixing(ledger.ids)
    assert place < 0.02
    assert means.std() < 1.5 * ids.std() / np.sqrt(512)  # a batch is as mixed as one drawn at random


def documented_order(folder) -> np.ndarray:
    """Row ids as Petastorm's documentation has them shuffled."""
    from petastorm import make_batch_reader
    from petastorm.tf_utils import make_petastorm_dataset

    with make_batch_reader(f"file://{folder}", num_epochs=1, shuffle_row_groups=True, seed=1) as reader:
        dataset = make_petastorm_dataset(reader).unbatch().shuffle(10_000, seed=1).batch(512)
        return np.concatenate([batch.id.numpy() for batch in dataset])
