"""The manifest of a store: what was published, file by file. It is written last; readers trust nothing else.

Rows of a split are spread over `shards` virtual shards by a stable hash. A shard's rows lie in its files in the
order listed here; the rows of each row group are listed, so that the feed can plan without opening a file.

Format 5 has a hash of the manifest itself; formats 4 and 5 have checksums of the parts of each file. All three can be
read, and give a store the same id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import AliasChoices, Field, model_validator

from pipeline.schemas.document import Document, HashedDocument

FORMAT = 5
READABLE = (3, 4, FORMAT)
REMEDY = "Delete the store's folder and run jobs/prepare.py"


class PartChecksums(Document):
    """CRC-32 of the parts of a file, in order: its row groups, and everything after the last of them.

    Attributes:
        ends: end of each row group, in bytes from the beginning of the file; the first one begins with the file.
        row_groups: checksum of each row group.
        footer: checksum of everything after the last row group.
    """

    ends: tuple[int, ...]
    row_groups: tuple[int, ...]
    footer: int

    def span(self, number: int) -> tuple[int, int]:
        """Where a row group begins and ends, in bytes."""
        return (self.ends[number - 1] if number else 0), self.ends[number]

    def footer_span(self, size: int) -> tuple[int, int]:
        """Where the footer begins and ends, in bytes, in a file of `size` bytes."""
        return self.ends[-1], size


class FileEntry(Document):
    """One Parquet file.

    Attributes:
        path: path relative to the store, or to its `Manifest.base`, with forward slashes.
        shard: number of the virtual shard that its rows belong to.
        rows: number of rows in the file.
        bytes: size of the file.
        sha256: SHA-256 of the file.
        row_groups: number of rows in each row group, in order.
        parts: checksums of its parts; None in format 3.
    """

    path: str
    shard: int
    rows: int
    bytes: int
    sha256: str
    row_groups: tuple[int, ...]
    parts: PartChecksums | None = None

    @model_validator(mode="after")
    def _parts_are_row_groups(self) -> Self:
        if self.parts and not len(self.parts.ends) == len(self.parts.row_groups) == len(self.row_groups):
            raise ValueError(
                f"{self.path} has {len(self.row_groups)} row groups, and another number of checksums or ends"
            )
        return self


class SplitEntry(Document):
    """One split: its rows and its files, ordered by shard, then path."""

    rows: int
    files: tuple[FileEntry, ...]

    def shard_files(self, shard: int) -> tuple[FileEntry, ...]:
        """The files of one shard, in reading order."""
        return tuple(file for file in self.files if file.shard == shard)

    def shard_rows(self, shards: int) -> tuple[int, ...]:
        """Number of rows in every shard, by shard number."""
        rows = [0] * shards
        for file in self.files:
            rows[file.shard] += file.rows
        return tuple(rows)


class Sampled(Document):
    """Up- or down-sampled training rows.

    Attributes:
        before: number of training rows of each class in the source.
        after: number of training rows of each class in the store.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]


class FoldsManifest(HashedDocument):
    """The published folds of a cross-validation, `folds.json`.

    Attributes:
        name: name of the experiment.
        store_id: id derived from the source and from the configuration that shapes the folds.
        folds_id: id that is equal for cross-validations whose folds have the same rows.
        source: fingerprint of the source files.
        method: how a row's fold is decided.
        folds: number of folds in one repeat.
        repeats: number of repeats.
        rows: number of rows that were divided into folds.
        quarantined: number of rows in quarantine.
        left_out: number of rows that the configuration leaves out.
        apart: number of rows of the test split, which no fold sees.
        names: names of the folds' stores, in order.
    """

    formats_without_hash = (None,)
    remedy = REMEDY

    name: str
    store_id: str
    folds_id: str = Field(validation_alias=AliasChoices("folds_id", "division_id"))  # the second up to version 0.1
    source: str
    method: str
    folds: int
    repeats: int
    rows: int
    quarantined: int = 0
    left_out: int = 0
    apart: int = 0
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of folds in all repeats."""
        return self.folds * self.repeats


class Manifest(HashedDocument):
    """A published store.

    Attributes:
        format: format of this document.
        name: name of the experiment.
        store_id: id derived from the source and from the configuration that shapes the store.
        source: fingerprint of the source files.
        config: fingerprint of the configuration sections that shape the store.
        shards: number of virtual shards.
        splits: splits by name.
        documents: SHA-256 of the documents beside the manifest, by name.
        quarantined: number of rows in quarantine.
        reasons: number of rows in quarantine by reason, the most frequent first.
        left_out: number of rows that the configuration leaves out: by its filter, or in a gap before a cut.
        sampled: class counts before and after sampling; None without sampling.
        base: folder that the paths of files are relative to, from the store's own folder: empty, or `..`.
    """

    formats_without_hash = (3, 4)
    remedy = REMEDY

    format: int = FORMAT
    name: str
    store_id: str
    source: str
    config: str
    shards: int
    splits: Mapping[str, SplitEntry]
    documents: Mapping[str, str]
    quarantined: int = 0
    reasons: Mapping[str, int] = {}
    left_out: int = 0
    sampled: Sampled | None = None
    base: Literal["", ".."] = ""

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows in every split, and in quarantine."""
        return {**{name: split.rows for name, split in self.splits.items()}, "quarantined": self.quarantined}
