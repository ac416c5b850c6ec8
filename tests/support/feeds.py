"""Stores for tests of the feed, and the ledger of what was served from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.feed.blocks import Feed, open_feed
from pipeline.feed.memory import Memory, Resources
from pipeline.kinds.fitted_features import store_schema_of
from pipeline.schemas.store_schema import ROW_ID, StoreSchema
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST, SPLITS, store_folder
from pipeline.store.manifest import Manifest, SplitEntry
from pipeline.store.pages import WRITE_CHECKED
from pipeline.store.store import Store, open_store
from tests.support.listed import listed
from tests.support.stores import regression_state


def publish(
    folder: Path, shards: Sequence[pa.Table | None], contract: StoreSchema | None = None, row_group: int = 64
) -> Store:
    """A store whose training split has these tables for shards, written by plain pyarrow."""
    state = regression_state()
    contract = contract or store_schema_of(state)
    place = store_folder(storage_path(str(folder)), "plain", "0123456789abcdef")
    entries = []
    for shard, table in enumerate(shards):
        if table is None or not len(table):
            continue
        path = Path(place.child(f"train/shard-{shard:02d}.parquet").path)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=row_group, **WRITE_CHECKED)
        entries.append(listed(Path(place.path), f"train/{path.name}", shard))
    documents = {CONTRACT: contract.to_json().encode(), FEATURES: state.to_json().encode()}
    for name, content in documents.items():
        files.write_bytes(place.child(name), content)
    empty = {name: SplitEntry(rows=0, files=()) for name in SPLITS}
    manifest = Manifest(
        name="plain",
        store_id="0123456789abcdef",
        source="",
        config="",
        shards=len(shards),
        splits=empty | {"train": SplitEntry(rows=sum(entry.rows for entry in entries), files=tuple(entries))},
        documents={name: hashlib.sha256(content).hexdigest() for name, content in documents.items()},
    )
    files.write_bytes(place.child(MANIFEST), manifest.to_json().encode())
    return open_store(place)


def numbered(ids: Sequence[int] | np.ndarray) -> pa.Table:
    """Rows whose label is their id, so that a batch tells which rows are in it."""
    ids = np.asarray(ids, np.int64)
    return pa.table(
        {
            "x0": (ids % 1000).astype(np.float32),
            "x1": (ids // 1000).astype(np.float32),
            "c0": (ids % 4).astype(np.int32),
            "y": ids.astype(np.float64),
            ROW_ID: ids,
        }
    )


def spread(rows: int, shards: int = 16) -> list[int]:
    """Rows over shards, as unevenly as a hash would."""
    return np.bincount(np.random.default_rng(rows).integers(0, shards, rows), minlength=shards).tolist()


@dataclass(frozen=True)
class Ledger:
    """What was served in the global steps of an epoch: row ids of each step, over all ranks."""

    steps: list[np.ndarray]

    @property
    def ids(self) -> np.ndarray:
        return np.concatenate([np.empty(0, np.int64), *self.steps])

    @property
    def sets(self) -> list[list[int]]:
        return [sorted(step.tolist()) for step in self.steps]


def keep_ledger(store: Store, world: int = 1, epoch: int = 0, **options: object) -> Ledger:
    """Serve an epoch on all ranks, and check each row, each weight, and that ranks take equal steps."""
    ranks = []
    for rank in range(world):
        steps = []
        for block in feed_of(store, world=world, rank=rank, **options).epoch(epoch):
            real = block.weight == 1
            assert (real | (block.weight == 0)).all()
            np.testing.assert_array_equal(block.mask, real)
            assert not block.label[~real].any()
            assert not block.tensors["numeric"][~real].any()
            np.testing.assert_array_equal(block.tensors["numeric"][real] @ [1, 1000], block.label[real])
            np.testing.assert_array_equal(block.tensors["categorical"][real][:, 0], block.label[real] % 4)
            steps += [
                (label[mine].astype(np.int64), told)
                for label, mine, told in zip(block.label, real, block.rows, strict=True)
            ]
        ranks.append(steps)
    assert len({len(steps) for steps in ranks}) == 1, "ranks took different numbers of steps"
    merged = []
    for parts in zip(*ranks, strict=True):
        ids = np.concatenate([ids for ids, _ in parts])
        assert {told for _, told in parts} == {len(ids)}, "ranks were told another number of real rows than were served"
        merged.append(ids)
    return Ledger(merged)


def feed_of(
    store: Store,
    *,
    world: int = 1,
    rank: int = 0,
    seed: int | None = 5,
    batch: int = 512,
    k: int = 3,
    resources: Resources | None = None,
) -> Feed:
    return open_feed(
        store,
        "train",
        batch_size=batch,
        world_size=world,
        rank=rank,
        steps_per_block=k,
        seed=seed,
        resources=resources,
    )


def with_memory(size: int, **options: object) -> Resources:
    return replace(Resources(**options), memory=Memory(size))
