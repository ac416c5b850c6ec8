"""Writes the files of a store in Spark's tasks, moves them to their final names, and lists them for the manifest.

    train/shard-00-000.parquet     split, shard, and the number of the piece in the shard

The bytes of a file follow from its rows alone, however the source was divided into pieces, shuffled or not.

A repeated attempt of a task writes a file with another name; the files of tasks that Spark accepts are moved to their
final names. In an object store, which cannot move files, every attempt writes the same bytes at the final name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa

from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
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
"""Rows of a row group: enough for a few training steps of a shard, so that reading ahead takes little memory."""


@dataclass(frozen=True)
class Written:
    """The files of a store, and the audit's counts.

    Attributes:
        groups: the files by folder; a group without rows has none.
        units: the counts of the audit.
    """

    groups: Mapping[str, SplitEntry]
    units: Sequence[pa.Table]


def write_rows(
    table: Table,
    features: FittedFeatures,
    shards: int,
    folder: StoragePath,
    *,
    rows: int,
    audit: Audit,
    sampling: Sampling | None = None,
) -> Written:
    """Write all splits below `folder`.

    Args:
        table: the typed rows.
        features: the fitted features.
        shards: number of virtual shards, a divisor of `MAX_SHARDS`.
        folder: a new folder.
        rows: number of rows of the largest split, approximately.
        audit: the audit to run on the rows.
        sampling: how training rows are sampled; None for all rows as they are.
    """
    seed, types = table.seed, {column.name: column.type for column in store_schema_of(features).columns}
    stored = StoredRows(
        columns=lambda rows: stored_columns(features, rows, seed),
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
    """Move a file to its final name; returns its entry for the manifest."""
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
