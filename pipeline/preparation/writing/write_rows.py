"""Writing a store: its files, made by Spark's tasks, are named and listed.

A file's bytes follow from its rows alone, however the source was cut into pieces, whichever way the rows took:

    train/shard-00-000.parquet     split, shard, and a count within the shard

A task that is tried again or runs twice writes a file of its own name; those of the tasks that Spark counts are moved
to their final names. In an object store, where nothing can be moved, each of them puts the same bytes at the final
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa

from pipeline.kinds.fitted_features import FittedFeatures, contract_of
from pipeline.preparation.audit.leak_audit import Audit
from pipeline.preparation.reading.scan import from_bytes
from pipeline.preparation.rows.table import Table
from pipeline.preparation.writing.sampling import Sampling, copies_of
from pipeline.preparation.writing.shuffled import write_shuffled
from pipeline.preparation.writing.store_columns import stored_columns
from pipeline.preparation.writing.store_file import AUDIT
from pipeline.preparation.writing.stored_rows import Filing, StoredRows, filing_of
from pipeline.preparation.writing.unshuffled import is_much_to_audit, write_unshuffled
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import FileEntry, PartChecksums, SplitEntry

ROWS_PER_GROUP = 1 << 14
"""Rows of a row group: a few steps of a shard, so that reading stays ahead with little memory."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        groups: by folder; one without rows has no file.
        units: what the audit counted.
    """

    groups: Mapping[str, SplitEntry]
    units: Sequence[pa.Table]


def write_rows(
    table: Table,
    state: FittedFeatures,
    shards: int,
    folder: StoragePath,
    *,
    rows: int,
    audit: Audit,
    sampling: Sampling | None = None,
) -> Written:
    """Write all splits below `folder`.

    Args:
        table: typed rows.
        state: what turns them into stored columns.
        shards: how many virtual shards; a divisor of `MAX_SHARDS`.
        folder: a fresh folder.
        rows: of the largest split, about.
        audit: what is compared on the way.
        sampling: of training rows.
    """
    seed, types = table.seed, {column.name: column.type for column in contract_of(state).columns}
    stored = StoredRows(
        columns=lambda rows: stored_columns(state, rows, seed),
        types=types,
        group=lambda rows: rows.placement.split,
        filing=filing_of(SPLITS, shards, types, rows),
        copies=lambda rows: copies_of(rows, sampling, seed),
        sampled=sampling is not None,
        group_rows=ROWS_PER_GROUP,
        audit=audit,
    )
    return write_groups(table, stored, folder)


def write_groups(table: Table, stored: StoredRows, folder: StoragePath) -> Written:
    """Write all groups below `folder`."""
    moves, filing = folder.renames_folders, stored.filing
    drafts = folder.child("drafts")

    def uri_of(file: int) -> str:
        return (drafts.child(f"{file:05d}-{uuid4().hex}.parquet") if moves else folder.child(filing.path(file))).uri

    partitions = table.partitions
    if partitions is None or stored.sampled or filing.pieces > 1 or is_much_to_audit(partitions, stored.audit):
        written = write_shuffled(table, stored, uri_of)
    else:
        written = write_unshuffled(table.scan.spark, partitions, stored, uri_of)
    answers = written.toArrow().sort_by("file").to_pylist()
    entries = [_named(row, filing, folder, moves=moves) for row in answers if row["file"] != AUDIT]
    files.remove_folder(drafts)
    return Written(
        groups={name: _split_entry(name, entries) for name in filing.folders},
        units=[from_bytes(row["units"]) for row in answers if row["file"] == AUDIT],
    )


def _named(row: Mapping[str, Any], filing: Filing, folder: StoragePath, *, moves: bool) -> FileEntry:
    """What the manifest says of a file that is at its place now."""
    path, (_, shard) = filing.path(row["file"]), filing.group_and_shard(row["file"])
    if moves:
        files.move(storage_path(row["path"]), folder.child(path))
    return FileEntry(
        path=path,
        shard=shard,
        rows=row["rows"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        row_groups=tuple(row["row_groups"]),
        parts=PartChecksums.from_json(row["parts"], path),
    )


def _split_entry(split: str, entries: Sequence[FileEntry]) -> SplitEntry:
    split_entries = tuple(entry for entry in entries if entry.path.startswith(f"{split}/"))
    return SplitEntry(rows=sum(entry.rows for entry in split_entries), files=split_entries)
