"""Writing a store: one Spark job from the source to files, which are then named, measured and listed.

One task writes one shard of one split, sorted, so that a file's bytes follow from its rows alone, whatever the
partitions of the source were. Spark numbers its files by task; they are then moved to their names:

    train/shard-00-000.parquet     split, shard, and a count within the shard
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow.parquet as pq
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.columns import BYTES, StoreType, contract_of
from pipeline.contract.features import FeatureState
from pipeline.data.raw import quoted
from pipeline.data.split import ORDER, SHARD, SPLIT
from pipeline.data.table import Table
from pipeline.features.transform import stored_columns, with_places
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import FileEntry, SplitEntry

ROWS_PER_GROUP = 1 << 14
"""About so many rows has a row group: a few steps of a shard, so that reading stays ahead with little memory."""

HASHING_THREADS = 4

_TASK = "__task"
_SPARK_FILE = re.compile(r"^part-(\d+)-.*\.parquet$")


@dataclass(frozen=True)
class StoredRows:
    """Rows as they are to be written.

    Attributes:
        rows: with `SHARD`, `ORDER` and the columns of the group.
        columns: that are written, under their own names.
        types: of these columns at rest, in order.
        group: int, the place of a row's folder in `folders`; rows without one of these are not written.
        folders: of the groups.
    """

    rows: DataFrame
    columns: Sequence[Column]
    types: Mapping[str, StoreType]
    group: Column
    folders: Sequence[str]


def write_rows(table: Table, state: FeatureState, shards: int, place: Root) -> dict[str, SplitEntry]:
    """Write all splits below `place`.

    Args:
        table: typed rows.
        state: what turns them into stored columns.
        shards: how many virtual shards; a divisor of `MAX_SHARDS`.
        place: a fresh folder.

    Returns:
        What was written, by split; a split without rows has no file.
    """
    stored = StoredRows(
        rows=with_places(table.rows, state, table.columns),
        columns=stored_columns(state, table),
        types={column.name: column.type for column in contract_of(state).columns},
        group=F.col(SPLIT),
        folders=SPLITS,
    )
    return write_groups(stored, shards, place)


def write_groups(stored: StoredRows, shards: int, place: Root) -> dict[str, SplitEntry]:
    """Write all groups below `place`; what was written, by folder."""
    drafts = place.within("drafts")
    writer = _sorted_rows(stored, shards).write.options(**_parquet_options(stored.types))
    writer.parquet(drafts.uri, compression="snappy")
    named = _name_files(drafts, place, stored.folders, shards)
    files.remove_folder(drafts)
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        entries = list(pool.map(lambda item: _entry(place, *item), sorted(named.items())))
    return {folder: _split_entry(folder, entries) for folder in stored.folders}


def _sorted_rows(stored: StoredRows, shards: int) -> DataFrame:
    """The stored columns, each file's rows in one partition and in their order.

    One partition is one file, numbered by group and shard, so that Spark need not sort by folder as well. Rows of no
    group go to a last one, which is thrown away: a filter on the split would make Spark write out all that decides it
    for every column that it needs.

    Rows are sorted by `ORDER` alone, a single 64-bit number, which Spark does by radix sort: rows with an equal one are
    equal in all values used, unless two hashes collide, which of 10^7 rows a shard happens once in 3 x 10^5 stores.
    """
    files_count = len(stored.folders) * shards
    file = stored.group * F.lit(shards) + F.pmod(F.col(SHARD), F.lit(shards))
    rows = stored.rows.select(*stored.columns, F.col(ORDER).alias(ORDER), _task(file, files_count).alias(_TASK))
    names = [quoted(name) for name in stored.types]
    return rows.repartition(files_count + 1, _TASK).sortWithinPartitions(ORDER).select(*names)


def _task(file: Column, count: int) -> Column:
    """A number that Spark's hash partitioning sends to the partition of the same number as the file.

    Of `count` + 1 partitions the last is for files that are not among the first `count`, or null.
    """
    numbers = [0] * (count + 1)
    missing, candidate = set(range(count + 1)), 0
    while missing:
        target = _murmur3(candidate) % (count + 1)
        if target in missing:
            numbers[target] = candidate
            missing.remove(target)
        candidate += 1
    # The split is mentioned once, so that Spark computes it in the layer of all else.
    return F.coalesce(F.get(F.array(*(F.lit(number) for number in numbers)), file), F.lit(numbers[-1]))


def _murmur3(value: int, seed: int = 42) -> int:
    """Spark's hash of an integer below 2^32, from -2^31 to 2^31."""
    mask = 0xFFFFFFFF
    mixed = value * 0xCC9E2D51 & mask
    mixed = (mixed << 15 | mixed >> 17) & mask
    result = seed ^ (mixed * 0x1B873593 & mask)
    result = (result << 13 | result >> 19) & mask
    result = (result * 5 + 0xE6546B64 & mask) ^ 4
    result = (result ^ result >> 16) * 0x85EBCA6B & mask
    result = (result ^ result >> 13) * 0xC2B2AE35 & mask
    result ^= result >> 16
    return result - (1 << 32) if result >> 31 else result


def _parquet_options(types: Mapping[str, StoreType]) -> dict[str, str]:
    """Row groups are bounded by bytes before encoding, which for fixed-width columns means a number of rows."""
    width = sum(BYTES[kind] for kind in types.values())
    return {
        "parquet.block.size": str((ROWS_PER_GROUP + 2) * width),
        # Rows are asked for their size at least so often; the default of 10,000 would overshoot.
        "parquet.page.size.row.check.max": "1000",
        # Floats hardly repeat: a dictionary is built in vain, and costs a third of the whole writing.
        "parquet.enable.dictionary": "false",
        **{f"parquet.enable.dictionary#{name}": "true" for name, kind in types.items() if kind == "int32"},
    }


def _name_files(drafts: Root, place: Root, folders: Sequence[str], shards: int) -> Mapping[str, int]:
    """Move Spark's files to their names.

    Returns:
        The shard of each file, by path.
    """
    named: dict[str, int] = {}
    for draft in files.list_files(drafts):
        found = _SPARK_FILE.match(draft)
        if not found:
            continue
        group, shard = divmod(int(found[1]), shards)
        if group == len(folders) or not _has_rows(drafts.within(draft)):
            continue
        count = sum(path.startswith(f"{folders[group]}/shard-{shard:02d}-") for path in named)
        path = f"{folders[group]}/shard-{shard:02d}-{count:03d}.parquet"
        files.move(drafts.within(draft), place.within(path))
        named[path] = shard
    return named


def _has_rows(file: Root) -> bool:
    """Spark writes a file without rows where a job has none at all for its first partition."""
    with file.filesystem.open_input_file(file.path) as stream:
        return bool(pq.ParquetFile(stream).metadata.num_rows)


def _entry(place: Root, path: str, shard: int) -> FileEntry:
    file = place.within(path)
    with file.filesystem.open_input_file(file.path) as stream:
        footer = pq.ParquetFile(stream).metadata
    return FileEntry(
        path=path,
        shard=shard,
        rows=footer.num_rows,
        bytes=files.size_of(file) or 0,
        sha256=files.sha256_of(file),
        row_groups=tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups)),
    )


def _split_entry(split: str, entries: list[FileEntry]) -> SplitEntry:
    own = tuple(entry for entry in entries if entry.path.startswith(f"{split}/"))
    return SplitEntry(rows=sum(entry.rows for entry in own), files=own)
