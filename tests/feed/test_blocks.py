"""The feed against a ledger: which row ids were served, in which step, on which rank, with which weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.feed.reader import read_shard
from pipeline.schemas.label import LabelSpec
from tests.support.feeds import feed_of, keep_ledger, spread, with_memory
from tests.support.kinds import every_kind
from tests.support.stores import regression_state, write_small_store

ROW_COUNTS = [0, 1, 7, 511, 512, 513, 100_003]


@pytest.mark.parametrize("rows", ROW_COUNTS)
@pytest.mark.parametrize("world", [1, 2, 3, 4, 8])
def test_every_row_exactly_once_on_any_number_of_ranks(id_store, rows, world):
    ledger = keep_ledger(id_store(spread(rows), row_group=700), world)
    assert sorted(ledger.ids.tolist()) == list(range(rows))
    assert len(ledger.steps) == -(-rows // 512)


@pytest.mark.parametrize("shards", [[10_000, 1_000, 0, 3], [0, 0, 0, 5], [1] * 16, [2_000]])
def test_shards_of_any_size_are_handled_alike(id_store, shards):
    store = id_store(shards, row_group=300)
    for seed in (None, 3):
        ledgers = [keep_ledger(store, world, seed=seed, batch=100) for world in (1, 2, 5)]
        assert all(sorted(ledger.ids.tolist()) == list(range(sum(shards))) for ledger in ledgers)
        assert ledgers[0].sets == ledgers[1].sets == ledgers[2].sets


def test_global_batches_are_the_same_sets_for_every_world_size(id_store):
    store = id_store(spread(3000))
    alone = keep_ledger(store, 1, batch=128)
    for world in (2, 4, 8, 16, 3):
        assert keep_ledger(store, world, batch=128).sets == alone.sets


def test_two_epochs_differ_and_the_same_seed_repeats(id_store):
    store = id_store(spread(2000))
    first, again, second = (keep_ledger(store, epoch=epoch).ids.tolist() for epoch in (0, 0, 1))
    assert first == again
    assert first != second
    assert keep_ledger(store, seed=6).ids.tolist() != first


def test_without_a_seed_rows_come_in_the_order_of_the_files(id_store):
    assert keep_ledger(id_store([50]), seed=None, batch=20).ids.tolist() == list(range(50))


def test_an_epoch_can_be_entered_at_any_step(id_store):
    store = id_store(spread(1500))
    whole = list(feed_of(store, batch=100, k=1).epoch(2))
    for step in (0, 1, 4, len(whole) - 1):
        rest = list(feed_of(store, batch=100, k=1).epoch(2, first_step=step))
        assert len(rest) == len(whole) - step
        for block, other in zip(rest, whole[step:], strict=True):
            np.testing.assert_array_equal(block.label, other.label)
            np.testing.assert_array_equal(block.tensors["numeric"], other.tensors["numeric"])


def test_row_groups_before_the_first_step_are_not_read(id_store, monkeypatch):
    from pipeline.feed.files import StoreFiles

    store, read = id_store([1000] * 4, row_group=50), []

    def watched(self, row_slice):
        read.append(row_slice.rows)
        return original(self, row_slice)

    original = StoreFiles.read
    monkeypatch.setattr(StoreFiles, "read", watched)
    feed = feed_of(store, batch=100)
    served = sum(block.rows.sum() for block in feed.epoch(0, first_step=30))
    assert served == 1000
    assert served <= sum(read) <= served + 4 * 50


def test_blocks_hold_the_global_number_of_real_rows(id_store):
    store = id_store([300, 30])
    blocks = [list(feed_of(store, world=2, rank=rank, batch=64).epoch(0)) for rank in (0, 1)]
    for one, other in zip(*blocks, strict=True):
        assert (one.rows == other.rows).all()
        assert (one.weight.sum(1) + other.weight.sum(1) == one.rows).all()


def test_columns_are_those_of_the_file(tmp_path):
    store = write_small_store(tmp_path, {"train": [40]})
    block = next(feed_of(store, seed=None, batch=40, k=1).epoch(0))
    assert block.tensors["numeric"].shape == (1, 40, 2)
    assert block.tensors["categorical"].dtype == np.int32
    expected = (
        block.tensors["numeric"][0, :, 0]
        + 2 * block.tensors["numeric"][0, :, 1]
        + (block.tensors["categorical"][0, :, 0] == 1)
    )
    np.testing.assert_allclose(block.label[0], expected, rtol=1e-6)


def test_weights_are_those_of_the_rows_and_zero_for_padding(tmp_path):
    weighed = regression_state().model_copy(update={"weight": "w"})
    store = write_small_store(tmp_path, {"train": [70, 20]}, state=weighed)
    stored = np.concatenate([rows.weight for shard in (0, 1) for rows in read_shard(store, "train", shard)])
    assert ((stored >= 0.5) & (stored <= 1.5)).all()
    assert len(np.unique(stored)) == 90
    weights = np.concatenate([block.weight.ravel() for block in feed_of(store, seed=None, batch=50).epoch(0)])
    np.testing.assert_array_equal(np.sort(weights[weights > 0]), np.sort(stored))
    assert sum(block.rows.sum() for block in feed_of(store, batch=50).epoch(0)) == 90


@pytest.mark.parametrize("seed", [None, 5])
def test_class_weights_multiply_those_of_rows(tmp_path, seed):
    label = LabelSpec(name="y", task="multiclass", classes=("a", "b", "c"))
    state = regression_state().model_copy(update={"weight": "w", "label": label})
    store = write_small_store(tmp_path, {"train": [70, 20]}, state=state)
    plain, weighed = (
        next(replace(feed_of(store, batch=90, k=1, seed=seed), class_weights=weights).epoch(0))
        for weights in (None, (0.5, 1.0, 4.0))
    )
    np.testing.assert_array_equal(plain.label, weighed.label)
    assert set(plain.label[0]) == {0.0, 1.0, 2.0}
    factor = np.array([0.5, 1.0, 4.0], np.float32)[plain.label.astype(int)]
    np.testing.assert_array_equal(weighed.weight, plain.weight * factor)


def test_every_slot_of_a_multi_valued_feature_is_a_column(tmp_path):
    store = write_small_store(tmp_path, {"train": [40]}, state=every_kind())
    block = next(feed_of(store, seed=None, batch=40, k=1).epoch(0))
    assert block.tensors["categorical"].shape == (1, 40, 11)
    assert store.contract.names("categorical")[:4] == ("tags[0]", "tags[1]", "tags[2]", "city")


def test_windows_smaller_than_a_row_group_lose_no_row(id_store):
    """A row of this store takes 32 bytes; 100 KB for two shards leave row slices of 800 rows."""
    store = id_store([3000, 2500], row_group=3000)
    small = with_memory(100 << 10)
    feed = feed_of(store, resources=small)
    assert [[row_slice.rows for row_slice in shard] for shard in feed.row_slices()] == [[750] * 4, [625] * 4]
    ledger = keep_ledger(store, resources=small)
    assert sorted(ledger.ids.tolist()) == list(range(5500))
    assert keep_ledger(store, 2, resources=small).sets == ledger.sets


def test_blocks_have_fewer_steps_where_memory_holds_no_more(id_store):
    store = id_store([3000])
    assert feed_of(store, k=64).steps_per_block == 64
    feed = feed_of(store, k=64, resources=with_memory(1 << 20))
    assert feed.steps_per_block == 2
    assert sum(block.rows.sum() for block in feed.epoch(0)) == 3000
