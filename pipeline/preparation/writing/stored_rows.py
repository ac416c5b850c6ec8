"""How rows are stored, and in which file of the store.

The number of a file determines the group, the shard and the piece of its rows. A shard that would be too large for a
file is divided into pieces by the first bits of the hash that orders its rows, so that concatenated pieces are sorted.
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
from pipeline.schemas.store_schema import BYTES, StoreType

ORDER, FILE = "__order", "__file"
"""Columns beside the stored ones: the hash by which rows are sorted, and the number of the row's file."""

FILE_BYTES = 128 << 20
"""About the most bytes of values in a file; sorting and writing them takes two to three times the memory."""

_TEXT_BYTES = 32
"""The assumed bytes of a text."""

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
    """The numbering of the files of a store.

    Attributes:
        folders: the folder of each group.
        shards: number of shards of each group.
        pieces: number of pieces of each shard, a power of two.
    """

    folders: Sequence[str]
    shards: int
    pieces: int = 1

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.folders) * self.shards * self.pieces

    def numbers(self, group: Indices, shard: Indices, order: Hashes) -> Indices:
        """The file numbers of n rows, [n].

        Args:
            group: groups, all of which must have a folder, [n].
            shard: shards, below `MAX_SHARDS`, [n].
            order: the hashes by which rows are sorted, [n].
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
        """The path of a file, relative to the store."""
        group, shard = self.group_and_shard(file)
        return f"{self.folders[group]}/shard-{shard:02d}-{file % self.pieces:03d}.parquet"


def filing_of(folders: Sequence[str], shards: int, types: Mapping[str, StoreType], rows: int) -> Filing:
    """A numbering with files of at most about `FILE_BYTES`.

    Args:
        folders: the folder of each group.
        shards: number of shards of each group.
        types: types of the stored columns.
        rows: number of rows of the largest group.
    """
    size = rows // shards * sum(BYTES.get(kind, _TEXT_BYTES) for kind in types.values())
    return Filing(folders, shards, 1 << max(0, -(-size // FILE_BYTES) - 1).bit_length())


@dataclass(frozen=True)
class StoredRows:
    """How rows are stored; plain data and functions, sent to the tasks.

    Attributes:
        columns: gives the stored columns of n rows, [n] by name.
        types: types of the stored columns, in order.
        group: gives the index of each row's folder, [n]; rows with another index are not written.
        filing: the files.
        copies: gives the rows to write, with repetitions.
        sampled: whether some rows are repeated or left out.
        group_rows: number of rows of a row group.
        audit: the audit to run on the rows.
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
        """The schema of a file."""
        return pa.schema([pa.field(name, _TYPES[kind], nullable=False) for name, kind in self.types.items()])

    def table(self, rows: Rows) -> pa.Table:
        """The stored columns of the rows to write, with `ORDER` and `FILE`."""
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
