"""The feed against a ledger: which row ids were served, in which step, on which rank, with which weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.contract.label import LabelSpec, Task
from pipeline.errors import StoreError
from pipeline.feed.blocks import Feed, open_feed
from pipeline.feed.reader import read_shard
from pipeline.store.store import Store
from tests.support.kinds import every_kind
from tests.support.stores import regression_state, write_small_store


def spread(rows: int, shards: int = 16) -> list[int]:
    """Rows over shards, as unevenly as a hash would."""
    return np.bincount(np.random.default_rng(rows).integers(0, shards, rows), minlength=shards).tolist()


def feed(store: Store, *, world: int = 1, rank: int = 0, seed: int | None = 5, batch: int = 512, k: int = 3) -> Feed:
    return open_feed(store, "train", batch_size=batch, world_size=world, rank=rank, steps_per_block=k, seed=seed)


def ledger(store: Store, world: int, epoch: int = 0, **options) -> list[list[int]]:
    """Row ids of each global step, read back from the label, which the test store sets to the row's id."""
    steps: list[list[int]] = []
    lengths = set()
    for rank in range(world):
        step = 0
        for block in feed(store, world=world, rank=rank, **options).epoch(epoch):
            for label, weight in zip(block.label, block.weight, strict=True):
                if step == len(steps):
                    steps.append([])
                assert set(np.unique(weight)) <= {0.0, 1.0}
                assert (label[weight == 0] == 0).all()
                steps[step] += label[weight == 1].astype(int).tolist()
                step += 1
        lengths.add(step)
    assert len(lengths) == 1, "ranks took different numbers of steps"
    return steps


@pytest.fixture
def id_store(tmp_path, monkeypatch):
    """Makes stores whose label is the row's id, so that a batch tells which rows are in it."""
    from pipeline.feed import reader

    def rows_with_ids(contract, columns):
        rows = original(contract, columns)
        return replace(rows, label=rows.row_id.astype(np.float64))

    original = reader.rows_of
    monkeypatch.setattr(reader, "rows_of", rows_with_ids)
    return lambda shards, **options: write_small_store(tmp_path, {"train": shards}, **options)


@pytest.mark.parametrize("rows", [0, 1, 7, 511, 512, 513, 10_003])
@pytest.mark.parametrize("world", [1, 2, 3, 4, 8])
def test_every_row_exactly_once_on_any_number_of_ranks(id_store, rows, world):
    steps = ledger(id_store(spread(rows), row_group=200), world)
    assert sorted(row for step in steps for row in step) == list(range(rows))


def test_global_batches_are_the_same_sets_for_every_world_size(id_store):
    store = id_store(spread(3000))
    alone = [set(step) for step in ledger(store, 1, batch=128)]
    for world in (2, 3, 4, 8, 16):
        assert [set(step) for step in ledger(store, world, batch=128)] == alone


def test_two_epochs_differ_and_the_same_seed_repeats(id_store):
    store = id_store(spread(2000))
    first, again, second = ledger(store, 1), ledger(store, 1), ledger(store, 1, epoch=1)
    assert first == again
    assert first != second
    assert ledger(store, 1, seed=6) != first


def test_without_a_seed_rows_come_in_the_order_of_the_files(id_store):
    steps = ledger(id_store([50]), 1, seed=None, batch=20)
    assert [row for step in steps for row in step] == list(range(50))


def test_an_epoch_can_be_entered_at_any_step(id_store):
    store = id_store(spread(1500))
    whole = ledger(store, 1, batch=100)
    for step in (0, 1, 4, len(whole) - 1):
        blocks = feed(store, batch=100).epoch(0, first_step=step)
        rest = [
            label[weight == 1].astype(int).tolist()
            for block in blocks
            for label, weight in zip(block.label, block.weight, strict=True)
        ]
        assert rest == whole[step:]


def test_blocks_hold_the_global_number_of_real_rows(id_store):
    store = id_store([300, 30])
    blocks = [list(feed(store, world=2, rank=rank, batch=64).epoch(0)) for rank in (0, 1)]
    for one, other in zip(*blocks, strict=True):
        assert (one.rows == other.rows).all()
        assert (one.weight.sum(1) + other.weight.sum(1) == one.rows).all()


def test_columns_are_those_of_the_file(tmp_path):
    store = write_small_store(tmp_path, {"train": [40]})
    block = next(feed(store, seed=None, batch=40, k=1).epoch(0))
    assert block.numeric.shape == (1, 40, 2)
    assert block.categorical.dtype == np.int32
    expected = block.numeric[0, :, 0] + 2 * block.numeric[0, :, 1] + (block.categorical[0, :, 0] == 1)
    np.testing.assert_allclose(block.label[0], expected, rtol=1e-6)


@pytest.mark.parametrize("content", [b"not parquet at all, but long enough to have a footer", b""])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    store = write_small_store(tmp_path, {"train": [40]})
    (tmp_path / "stores" / "small" / "0123456789abcdef" / "train" / "shard-00000.parquet").write_bytes(content)
    with pytest.raises(StoreError, match=r"train/shard-00000.parquet cannot be read"):
        list(feed(store).epoch(0))


def test_a_corrupt_row_group_is_named(tmp_path):
    store = write_small_store(tmp_path, {"train": [4000]}, row_group=1000)
    path = tmp_path / "stores" / "small" / "0123456789abcdef" / "train" / "shard-00000.parquet"
    content = bytearray(path.read_bytes())
    content[20_000:22_000] = bytes(2000)
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=r"train/shard-00000.parquet cannot be read"):
        list(feed(store).epoch(0))


def test_no_row_group_is_lost_when_the_reader_is_faster_than_its_ventilator(tmp_path):
    store = write_small_store(tmp_path, {"train": [640]}, row_group=4)
    for epoch in range(10):
        assert sum(block.weight.sum() for block in feed(store, batch=64).epoch(epoch)) == 640


@pytest.mark.parametrize("told", [39, 41])
def test_a_file_that_does_not_hold_what_the_manifest_tells_stops_the_epoch(tmp_path, told):
    store = write_small_store(tmp_path, {"train": [40]})
    split = store.split("train")
    file = split.files[0].model_copy(update={"rows": told})
    splits = {**store.manifest.splits, "train": split.model_copy(update={"rows": told, "files": (file,)})}
    altered = replace(store, manifest=store.manifest.model_copy(update={"splits": splits}))
    with pytest.raises(StoreError, match=r"held 40 rows|does not hold the rows that the manifest tells"):
        list(feed(altered, batch=16).epoch(0))


def test_weights_are_those_of_the_rows_and_zero_for_padding(tmp_path):
    weighed = regression_state().model_copy(update={"weight": "w"})
    store = write_small_store(tmp_path, {"train": [70, 20]}, state=weighed)
    stored = np.concatenate([rows.weight for shard in (0, 1) for rows in read_shard(store, "train", shard)])
    assert ((stored >= 0.5) & (stored <= 1.5)).all()
    assert len(np.unique(stored)) == 90
    weights = np.concatenate([block.weight.ravel() for block in feed(store, seed=None, batch=50).epoch(0)])
    np.testing.assert_array_equal(np.sort(weights[weights > 0]), np.sort(stored))
    assert sum(block.rows.sum() for block in feed(store, batch=50).epoch(0)) == 90


def test_class_weights_multiply_those_of_rows(tmp_path):
    label = LabelSpec(name="y", task=Task.MULTICLASS, classes=("a", "b", "c"))
    state = regression_state().model_copy(update={"weight": "w", "label": label})
    store = write_small_store(tmp_path, {"train": [70, 20]}, state=state)
    plain, weighed = (
        next(replace(feed(store, batch=90, k=1), class_weights=weights).epoch(0)) for weights in (None, (0.5, 1.0, 4.0))
    )
    np.testing.assert_array_equal(plain.label, weighed.label)
    assert set(plain.label[0]) == {0.0, 1.0, 2.0}
    factor = np.array([0.5, 1.0, 4.0], np.float32)[plain.label.astype(int)]
    np.testing.assert_array_equal(weighed.weight, plain.weight * factor)


def test_every_slot_of_a_multi_valued_feature_is_a_column(tmp_path):
    store = write_small_store(tmp_path, {"train": [40]}, state=every_kind())
    block = next(feed(store, seed=None, batch=40, k=1).epoch(0))
    assert block.categorical.shape == (1, 40, 11)
    assert store.contract.names("categorical")[:4] == ("tags[0]", "tags[1]", "tags[2]", "city")
