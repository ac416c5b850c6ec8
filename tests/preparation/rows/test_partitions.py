"""Rows between passes: what is kept of them, by partition and in their order."""

from __future__ import annotations

import resource

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import PlatformError
from pipeline.preparation.rows.partition_columns import PartitionColumns
from pipeline.preparation.rows.partition_writer import PartitionAccumulator
from pipeline.preparation.rows.partitions import Partitions, partition_folder, partitions_of, read_partitions
from pipeline.preparation.rows.split import MAX_SHARDS, order_of, shard_of
from pipeline.preparation.rows.typed_rows import SPLIT, RowPlacement, Rows, TypedRows
from pipeline.store.filesystem import storage_path

SEED, GROUPS = 7, 3
COLUMNS = PartitionColumns(("0", "label"), ("a/b", "__x"), SPLIT, keyed=True, seed=SEED)
"""Names that the columns of a file have themselves."""


def some_rows(count: int, seed: int, **more) -> Rows:
    random = np.random.default_rng(seed)
    numbers = [pa.array(random.normal(size=count), mask=random.random(count) < 0.2) for _ in range(3)]
    texts = [pa.array(random.choice(["", "ü", "long " * 9], count), pa.string()) for _ in range(2)]
    row_hash = random.integers(-(2**63), 2**63 - 1, count)
    typed = TypedRows(
        count=count,
        raw={"dropped": numbers[0]},
        values=dict(zip(("0", "label", "a/b", "__x"), (*numbers[:2], *texts), strict=True)),
        good=np.ones(count, bool),
        label_number=numbers[2],
        label_text=pa.nulls(count, pa.string()),
        weight=more.pop("weight", None),
    )
    placement = RowPlacement(
        values=row_hash ^ 1,
        row_id=row_hash ^ 2,
        row_hash=row_hash,
        split=random.integers(0, 5, count).astype(np.int32),
        shard=shard_of(SEED, row_hash),
        order=order_of(SEED, row_hash),
        **more,
    )
    return Rows(typed, placement)


def kept(folder, pieces: list[list[Rows]], columns: PartitionColumns = COLUMNS) -> Partitions:
    parts = []
    for piece in pieces:
        accumulator = PartitionAccumulator(storage_path(str(folder)).uri, columns, GROUPS)
        for rows in piece:
            accumulator.add(rows)
        parts.append(accumulator.result())
    return partitions_of(parts, columns)


@pytest.mark.parametrize("shards", [MAX_SHARDS, 4, 1])
def test_each_partition_has_its_rows_in_the_order_of_the_source(tmp_path, shards):
    pieces = [[some_rows(500, 1), some_rows(300, 2)], [some_rows(0, 3)], [], [some_rows(400, 4)]]
    batches = [rows for piece in pieces for rows in piece]
    partitions = kept(tmp_path, pieces)
    met = 0
    for group in range(GROUPS):
        for shard in range(shards):
            found = [COLUMNS.rows(batch) for batch in read_partitions(partitions.batches(group, shard, shards))]
            mine = [(rows.placement.split == group) & (rows.placement.shard % shards == shard) for rows in batches]
            expected = [COLUMNS.table(rows).filter(pa.array(own)) for rows, own in zip(batches, mine, strict=True)]
            table = pa.concat_tables([COLUMNS.table(rows) for rows in found]).sort_by("row_hash")
            assert table.equals(pa.concat_tables(expected).sort_by("row_hash"))
            if shards == MAX_SHARDS:
                hashes = np.concatenate([rows.placement.row_hash for rows in found])
                assert hashes.tolist() == pa.concat_tables(expected)["row_hash"].to_pylist()
            met += len(table)
    assert met == sum(int(np.sum(rows.placement.split < GROUPS)) for rows in batches)


def test_what_is_kept_is_what_was_there(tmp_path):
    more = {
        "weight": pa.array(np.arange(50.0)),
        "timestamp": pa.array(np.arange(50.0)),
        "group": pa.array(np.arange(50)),
    }
    rows = some_rows(50, 5, folds={"__fold": np.zeros(50, np.int32)}, **more)
    columns = PartitionColumns(("0", "label"), ("a/b", "__x"), "__fold", keyed=True, seed=SEED)
    partitions = kept(tmp_path, [[rows]], columns)
    found = [columns.rows(batch) for batch in read_partitions(partitions.batches(0, 0, 1))]
    placement = [
        columns.placement(batch) for batch in read_partitions(partitions.batches(0, 0, 1), columns.is_placement)
    ]
    order = np.argsort(np.concatenate([own.placement.row_hash for own in found]))
    by_hash = np.argsort(rows.placement.row_hash)
    for name in ("values", "row_id", "shard", "order", "split"):
        together = np.concatenate([getattr(own.placement, name) for own in found])
        np.testing.assert_array_equal(together[order], getattr(rows.placement, name)[by_hash])
        np.testing.assert_array_equal(together, np.concatenate([getattr(own, name) for own in placement]))
    for name in ("weight", "label_number", "label_text"):
        together = pa.concat_arrays([getattr(own.typed, name) for own in found])
        assert together.take(pa.array(order)).equals(getattr(rows.typed, name).take(pa.array(by_hash)))


def test_a_disk_that_is_full_is_told_by_the_file(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(PlatformError, match=rf"{tmp_path}/\w+\.arrow cannot be written: .*\. Make room there, or"):
            kept(tmp_path, [[some_rows(5000, 1)]])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_folder_is_gone_afterwards_and_there_is_none_for_many_groups(tmp_path):
    root = storage_path(str(tmp_path))
    with partition_folder(root) as folder:
        assert folder is not None
        kept(folder.path, [[some_rows(10, 1)]])
        assert list((tmp_path / "scratch").rglob("*.arrow"))
    assert not list(tmp_path.rglob("*.arrow"))
    with partition_folder(root, groups=1000) as folder:
        assert folder is None
