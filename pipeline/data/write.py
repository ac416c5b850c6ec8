"""Writing a store: one Spark job from the source to files, which are then named and listed.

    [task: rows -> stored columns -> a batch for each file] -> Spark brings the batches of a file together ->
    [task: batches of a file -> sorted by hash -> Parquet]

A file's bytes follow from its rows alone, however the source was cut into pieces:

    train/shard-00-000.parquet     split, shard, and a count within the shard

Spark moves a few rows, each of which is a whole batch; it knows nothing of what is in them. A task that is tried again
or runs twice writes a file of its own name; those of the tasks that Spark counts are moved to their final names. In an
object store, where nothing can be moved, each of them puts the same bytes at the final name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from pipeline.contract.columns import StoreType
from pipeline.data.audit import THINGS, Audit, count_things
from pipeline.data.rows import Indices, Rows
from pipeline.data.sampling import Copies, Sampling, copies_of
from pipeline.data.scan import from_bytes, gathered, to_bytes
from pipeline.data.table import Table
from pipeline.features.transform import stored_columns
from pipeline.kinds.state import FeatureState, contract_of
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import FileEntry, PartChecksums, SplitEntry
from pipeline.store.pages import WRITE_CHECKED
from pipeline.store.parts import checksums_of

ROWS_PER_GROUP = 1 << 14
"""So many rows has a row group: a few steps of a shard, so that reading stays ahead with little memory."""

CHUNK_BYTES = 64 << 20
"""Of stored columns that a task turns into batches at once: some three times as much is in memory then."""

_ORDER = "__order"
_AUDIT = -1
"""In place of the number of a file: what the audit compares takes the same way as the rows."""
_TYPES: Mapping[StoreType, pa.DataType] = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "binary": pa.binary(),
}

_BATCHES = pa.schema(
    [("task", pa.int32()), ("file", pa.int32()), ("piece", pa.int32()), ("place", pa.int32()), ("rows", pa.binary())]
)
_FILES = pa.schema(
    {"file": pa.int32(), "path": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "sha256": pa.string()}
    | {"row_groups": pa.list_(pa.int64()), "parts": pa.string(), "things": pa.binary()}
)


@dataclass(frozen=True)
class StoredRows:
    """Rows as they are to be written; plain data and functions, which go to the tasks.

    Attributes:
        columns: of a batch of n rows, what is written, [n] each, by name.
        types: of these columns at rest, in order.
        group: of a batch of n rows, the place of a row's folder in `folders`, [n]; others are not written.
        folders: of the groups.
        copies: of a batch of n rows, which are written, and how often.
        group_rows: rows of a row group.
        audit: what is compared on the way.
    """

    columns: Callable[[Rows], Mapping[str, npt.NDArray[Any]]]
    types: Mapping[str, StoreType]
    group: Callable[[Rows], Indices]
    folders: Sequence[str]
    copies: Callable[[Rows], Copies]
    group_rows: int
    audit: Audit

    @property
    def schema(self) -> pa.Schema:
        """Of a file."""
        return pa.schema([pa.field(name, _TYPES[kind], nullable=False) for name, kind in self.types.items()])


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        groups: by folder; one without rows has no file.
        things: what the audit counted.
    """

    groups: Mapping[str, SplitEntry]
    things: Sequence[pa.Table]


def write_rows(
    table: Table, state: FeatureState, shards: int, place: Root, *, audit: Audit, sampling: Sampling | None = None
) -> Written:
    """Write all splits below `place`.

    Args:
        table: typed rows.
        state: what turns them into stored columns.
        shards: how many virtual shards; a divisor of `MAX_SHARDS`.
        place: a fresh folder.
        audit: what is compared on the way.
        sampling: of training rows.
    """
    seed = table.seed
    stored = StoredRows(
        columns=lambda rows: stored_columns(state, rows, seed),
        types={column.name: column.type for column in contract_of(state).columns},
        group=lambda rows: rows.places.split,
        folders=SPLITS,
        copies=lambda rows: copies_of(rows, sampling, seed),
        group_rows=ROWS_PER_GROUP,
        audit=audit,
    )
    return write_groups(table, stored, shards, place)


def write_groups(table: Table, stored: StoredRows, shards: int, place: Root) -> Written:
    """Write all groups below `place`."""
    moves = place.renames_folders
    drafts = place.within("drafts") if moves else place
    folders = stored.folders

    def name(file: int) -> str:
        return f"{file:05d}-{uuid4().hex}.parquet" if moves else _path(file, folders, shards)

    tasks = _tasks(len(stored.folders) * shards, table.scan.spark.sparkContext.defaultParallelism)
    batches = table.mapped(lambda piece, rows: _split_up(piece, rows, stored, shards, tasks), _BATCHES)
    written = _brought_together(batches, len(set(tasks))).mapInArrow(
        _writer(stored.schema, drafts.uri, name, stored.group_rows), from_arrow_schema(_FILES)
    )
    found = written.toArrow().sort_by("file").to_pylist()
    rows = [row for row in found if row["file"] != _AUDIT]
    entries = [_entry(row, _path(row["file"], folders, shards), shards) for row in rows]
    if moves:
        for row, entry in zip(rows, entries, strict=True):
            files.move(drafts.within(row["path"]), place.within(entry.path))
        files.remove_folder(drafts)
    return Written(
        groups={folder: _split_entry(folder, entries) for folder in folders},
        things=[from_bytes(row["things"]) for row in found if row["file"] == _AUDIT],
    )


def _tasks(files_count: int, parallel: int) -> list[int]:
    """For each file a number that Spark's hash partitioning sends to the partition which shall write it."""
    count = min(files_count, 2 * parallel)
    numbers: dict[int, int] = {}
    candidate = 0
    while len(numbers) < count:
        numbers.setdefault(_murmur3(candidate) % count, candidate)
        candidate += 1
    return [numbers[file % count] for file in range(files_count)]


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


def _split_up(
    piece: int, batches: Iterable[Rows], stored: StoredRows, shards: int, tasks: Sequence[int]
) -> Iterator[pa.RecordBatch]:
    """In a task: the rows of a piece, those of a file together, and what they are to the audit."""
    things: list[pa.Table] = []
    filed = (_filed(rows, stored, shards, things) for rows in batches)
    for place, chunk in enumerate(gathered(filed, attrgetter("nbytes"), CHUNK_BYTES)):
        yield _batch(piece, place, tasks, _by_number(pa.concat_tables(chunk), "file"))
    partitions = sorted(set(tasks))
    met = pa.concat_tables([THINGS.empty_table(), *things])
    place_of = np.mod(met["id"].to_numpy(), len(partitions)).astype(np.int32)
    for number, own in _by_number(met.append_column("task", pa.array(place_of)), "task").items():
        yield _batch(piece, 0, [partitions[number]], {_AUDIT: own})


def _by_number(rows: pa.Table, column: str) -> dict[int, pa.Table]:
    """The rows with each number of a column, without it."""
    # Of 16 bits, numbers are sorted by radix.
    order = np.argsort(rows[column].to_numpy().astype(np.uint16), kind="stable")
    rows = rows.combine_chunks().take(pa.array(order))
    numbers, starts = np.unique(rows[column].to_numpy(), return_index=True)
    spans = zip(numbers.tolist(), pairwise([*starts.tolist(), len(rows)]), strict=True)
    rows = rows.drop_columns(column)
    return {number: rows.slice(start, end - start) for number, (start, end) in spans}


def _batch(piece: int, place: int, tasks: Sequence[int], parts: Mapping[int, pa.Table]) -> pa.RecordBatch:
    """A row for each part, by the number of its file."""
    count = len(parts)
    columns = [
        pa.array([tasks[number] for number in parts], pa.int32()),
        pa.array([*parts], pa.int32()),
        pa.array([piece] * count, pa.int32()),
        pa.array([place] * count, pa.int32()),
        pa.array([to_bytes(part) for part in parts.values()], pa.binary()),
    ]
    return pa.record_batch(columns, schema=_BATCHES)


def _filed(rows: Rows, stored: StoredRows, shards: int, things: list[pa.Table]) -> pa.Table:
    """The stored columns of the rows that are written, with the number of their file and their order in it."""
    things.append(stored.audit.things(rows.places))
    copies = stored.copies(rows)
    group = stored.group(rows)[copies.rows]
    own = np.flatnonzero((group >= 0) & (group < len(stored.folders)))
    file = group[own] * shards + copies.shard[own] % shards
    source = copies.rows[own]
    columns = stored.columns(rows)
    if len(source) != rows.count or (source[1:] <= source[:-1]).any():
        columns = {name: column[source] for name, column in columns.items()}
    made = [pa.array(columns[name], _TYPES[kind]) for name, kind in stored.types.items()]
    schema = pa.schema([*stored.schema, (_ORDER, pa.int64()), ("file", pa.int32())])
    return pa.table([*made, copies.order[own], file.astype(np.int32)], schema=schema)


def _brought_together(batches: DataFrame, count: int) -> DataFrame:
    """The batches of a file in one partition and in the order of the pieces."""
    return batches.repartition(count, F.col("task")).sortWithinPartitions("file", "piece", "place").drop("task")


def _writer(
    schema: pa.Schema, drafts: str, name: Callable[[int], str], group_rows: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """In a task: writes the files of a partition, one after the other."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (row for batch in batches for row in zip(batch["file"].to_pylist(), batch["rows"], strict=True))
        for file, own in groupby(rows, key=itemgetter(0)):
            parts = [from_bytes(content.as_buffer()) for _, content in own]
            if file == _AUDIT:
                counted = {"file": file, "things": to_bytes(count_things(parts))}
                yield pa.RecordBatch.from_pylist([counted], schema=_FILES)
                continue
            content, row_groups = parquet_bytes(_in_order(pa.concat_tables(parts)).cast(schema), group_rows)
            path = name(file)
            files.write_bytes(files.open_root(drafts).within(path), content)
            digest, checksums = hashlib.sha256(content).hexdigest(), checksums_of(content).to_json()
            values = (file, path, sum(row_groups), len(content), digest, row_groups, checksums, None)
            yield pa.RecordBatch.from_pylist([dict(zip(_FILES.names, values, strict=True))], schema=_FILES)

    return write


def _in_order(rows: pa.Table) -> pa.Table:
    """Sorted by `_ORDER` alone: rows with an equal one are equal in all values used, unless two hashes collide.

    Of 10^7 rows a shard that happens once in 3 x 10^5 stores; such rows stay in the order of the source.
    """
    keys = rows[_ORDER].to_numpy()
    order = np.argsort(keys)
    if not np.diff(keys[order]).all():
        # Slower, but equal keys stay in their order.
        order = np.argsort(keys, kind="stable")
    return rows.drop_columns(_ORDER).combine_chunks().take(pa.array(order))


def parquet_bytes(rows: pa.Table, group_rows: int) -> tuple[pa.Buffer, list[int]]:
    """A Parquet file of these rows, and how many rows its row groups have."""
    # Floats hardly repeat: a dictionary is built in vain, and costs a third of the whole writing.
    repeated = [field.name for field in rows.schema if field.type == pa.int32()]
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        row_group_size=group_rows,
        compression="snappy",
        use_dictionary=repeated,
        **WRITE_CHECKED,
        store_schema=False,
    )
    return sink.getvalue(), [min(group_rows, len(rows) - start) for start in range(0, len(rows), group_rows)]


def _path(file: int, folders: Sequence[str], shards: int) -> str:
    """The final name of a file by its number."""
    group, shard = divmod(file, shards)
    return f"{folders[group]}/shard-{shard:02d}-000.parquet"


def _entry(row: Mapping[str, Any], path: str, shards: int) -> FileEntry:
    return FileEntry(
        path=path,
        shard=row["file"] % shards,
        rows=row["rows"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        row_groups=tuple(row["row_groups"]),
        parts=PartChecksums.from_json(row["parts"], path),
    )


def _split_entry(split: str, entries: list[FileEntry]) -> SplitEntry:
    own = tuple(entry for entry in entries if entry.path.startswith(f"{split}/"))
    return SplitEntry(rows=sum(entry.rows for entry in own), files=own)
