"""Rows as a store holds them, and which of its files each goes to.

A file's number tells the group, the shard and the piece of its rows; a shard that would make a large file is cut into
pieces by the first bits of the hash that orders its rows, so that the pieces one after the other are in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.preparation.audit.leak_audit import Audit
from pipeline.preparation.rows.typed_rows import Hashes, Indices, Rows
from pipeline.preparation.writing.sampling import Copies
from pipeline.schemas.columns import BYTES, StoreType

ORDER, FILE = "__order", "__file"
"""Beside the stored columns of a row: by what it is sorted, and the number of its file."""

FILE_BYTES = 128 << 20
"""About the most bytes of values in a file; sorting and writing them takes two to three times as much memory."""

_TEXT_BYTES = 32
"""About as many bytes as a text has."""

_TYPES: Mapping[StoreType, pa.DataType] = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "binary": pa.binary(),
}


@dataclass(frozen=True)
class Filing:
    """Which files there are.

    Attributes:
        folders: of the groups.
        shards: of each group.
        pieces: of each shard, a power of two.
    """

    folders: Sequence[str]
    shards: int
    pieces: int = 1

    @property
    def count(self) -> int:
        """Of all files."""
        return len(self.folders) * self.shards * self.pieces

    def numbers(self, group: Indices, shard: Indices, order: Hashes) -> Indices:
        """[n]: the files of n rows.

        Args:
            group: [n], of those that have a folder.
            shard: [n], of `MAX_SHARDS`.
            order: [n].
        """
        number = group * self.shards + shard % self.shards
        if self.pieces > 1:
            ascending = order.view(np.uint64) ^ np.uint64(1 << 63)
            number = number * self.pieces + (ascending >> np.uint64(65 - self.pieces.bit_length())).astype(np.int64)
        return number.astype(np.int32)

    def group_and_shard(self, file: int) -> tuple[int, int]:
        """The group and the shard of a file."""
        return divmod(file // self.pieces, self.shards)

    def path(self, file: int) -> str:
        """Of a file, within the store."""
        group, shard = self.group_and_shard(file)
        return f"{self.folders[group]}/shard-{shard:02d}-{file % self.pieces:03d}.parquet"


def filing_of(folders: Sequence[str], shards: int, types: Mapping[str, StoreType], rows: int) -> Filing:
    """Files of about `FILE_BYTES` at most.

    Args:
        folders: of the groups.
        shards: of each group.
        types: of the stored columns.
        rows: of the largest group.
    """
    size = rows // shards * sum(BYTES.get(kind, _TEXT_BYTES) for kind in types.values())
    return Filing(folders, shards, 1 << max(0, -(-size // FILE_BYTES) - 1).bit_length())


@dataclass(frozen=True)
class StoredRows:
    """Rows as they are to be written; plain data and functions, which go to the tasks.

    Attributes:
        columns: of a batch of n rows, what is written, [n] each, by name.
        types: of these columns at rest, in order.
        group: of a batch of n rows, the place of a row's folder, [n]; others are not written.
        filing: the files.
        copies: of a batch of n rows, which are written, and how often.
        sampled: whether some are written more than once, or not at all.
        group_rows: rows of a row group.
        audit: what is compared on the way.
    """

    columns: Callable[[Rows], Mapping[str, npt.NDArray[Any]]]
    types: Mapping[str, StoreType]
    group: Callable[[Rows], Indices]
    filing: Filing
    copies: Callable[[Rows], Copies]
    sampled: bool
    group_rows: int
    audit: Audit

    @property
    def schema(self) -> pa.Schema:
        """Of a file."""
        return pa.schema([pa.field(name, _TYPES[kind], nullable=False) for name, kind in self.types.items()])

    def table(self, rows: Rows) -> pa.Table:
        """The stored columns of the rows that are written, with `ORDER` and `FILE`."""
        copies = self.copies(rows)
        group = self.group(rows)[copies.rows]
        has_file = np.flatnonzero((group >= 0) & (group < len(self.filing.folders)))
        source, order = copies.rows[has_file], copies.order[has_file]
        columns = self.columns(rows)
        if len(source) != rows.count or (source[1:] <= source[:-1]).any():
            columns = {name: column[source] for name, column in columns.items()}
        arrays = [pa.array(columns[name], _TYPES[kind]) for name, kind in self.types.items()]
        schema = pa.schema([*self.schema, (ORDER, pa.int64()), (FILE, pa.int32())])
        return pa.table(
            [*arrays, order, self.filing.numbers(group[has_file], copies.shard[has_file], order)], schema=schema
        )
