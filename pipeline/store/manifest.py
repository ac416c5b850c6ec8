"""The manifest of a store: what was published, file by file. It is written last; readers trust nothing else.

Rows of a split are spread over `shards` virtual shards by a stable hash. A shard's rows lie in its files in the
order listed here; row groups are listed with their rows, so that the feed can plan without opening a file.

Format 4 has checksums of the parts of each file, format 3 has none. Both are read, and name stores alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import AliasChoices, Field, model_validator

from pipeline.schemas.document import Document

FORMAT = 4
READABLE = (3, FORMAT)


class PartChecksums(Document):
    """CRC-32 of the parts of a file, one after the other: its row groups, and all that follows the last of them.

    Attributes:
        ends: of each row group, in bytes from the beginning of the file; the first one begins with the file.
        row_groups: of each row group.
        footer: of what follows.
    """

    ends: tuple[int, ...]
    row_groups: tuple[int, ...]
    footer: int

    def span(self, number: int) -> tuple[int, int]:
        """Where a row group begins and ends."""
        return (self.ends[number - 1] if number else 0), self.ends[number]

    def footer_span(self, size: int) -> tuple[int, int]:
        """Where the footer of a file of so many bytes begins and ends."""
        return self.ends[-1], size


class FileEntry(Document):
    """One Parquet file.

    Attributes:
        path: relative to the store, or to `Manifest.base` of it, with forward slashes.
        shard: the virtual shard that its rows belong to.
        rows: in the file.
        bytes: of the file.
        sha256: of the file.
        row_groups: rows of each row group, in order.
        parts: checksums of them; None in format 3.
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
        """Rows of every shard, by shard number."""
        rows = [0] * shards
        for file in self.files:
            rows[file.shard] += file.rows
        return tuple(rows)


class Sampled(Document):
    """Up- or down-sampled training rows.

    Attributes:
        before: training rows of each class in the source.
        after: those in the store.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]


class FoldsManifest(Document):
    """The published folds of a cross-validation, `folds.json`.

    Attributes:
        name: of the experiment.
        store_id: derived from the source and from the configuration that shapes the folds.
        folds_id: equal for cross-validations whose folds have the same rows.
        source: fingerprint of the source files.
        method: what decides a row's fold.
        folds: of one repeat.
        repeats: of the whole division.
        rows: that were divided.
        quarantined: rows that were set aside since they cannot be used.
        left_out: rows that the configuration leaves out.
        apart: rows of the test split, which no fold sees.
        names: of the stores of folds, in order.
    """

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
        """Folds of all repeats together."""
        return self.folds * self.repeats


class Manifest(Document):
    """A published store.

    Attributes:
        format: of this document.
        name: of the experiment.
        store_id: derived from the source and from the configuration that shapes the store.
        source: fingerprint of the source files.
        config: fingerprint of the configuration sections that shape the store.
        shards: number of virtual shards.
        splits: by name.
        documents: SHA-256 of the documents beside it.
        quarantined: rows that were set aside since they cannot be used.
        reasons: how many of these have each reason, the most frequent first.
        left_out: rows that the configuration leaves out: by its filter, or in a gap before a cut.
        sampled: what sampling did to training rows; None without it.
        base: the folder that files lie below, where it is not the store's own: so many folders above it, as in `..`.
    """

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
        """Rows of every split, and of the quarantine."""
        return {**{name: split.rows for name, split in self.splits.items()}, "quarantined": self.quarantined}
