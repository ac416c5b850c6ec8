"""Which row groups a rank reads, in which order: pure arithmetic from the manifest, without opening a file.

Vocabulary: a row slice is what is read, held and shuffled together: a row group, or one of the even parts of a row
group that is too large for a rank's memory. The row slices of a shard are numbered in the order of its files.

In each epoch, the order of a shard's row slices and the order of the rows within each of them are functions of (seed,
epoch, shard) and the manifest alone. So training can start at any step without reading what comes before. The row
slices of all shards of a rank are read in the order in which their first rows are due.

For example, shards of 5 and 3 rows in row slices of at most 2 rows, in the order of the files: row slices begin at rows
0, 2, 4 of the first shard and 0, 2 of the second one, that is at the positions .1 .5 .9 and .17 .83 (see `plan`), and
are read as first, second, first, second, first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.errors import StoreError
from pipeline.store.manifest import FileEntry, SplitEntry


@dataclass(frozen=True)
class RowSlice:
    """Rows of one shard that are held together.

    Attributes:
        shard: number of the shard.
        number: number of the row slice within its shard.
        file: the file that holds its rows.
        row_group: number of the row group within the file.
        first: number of its first row within the row group.
        rows: number of its rows.
    """

    shard: int
    number: int
    file: FileEntry
    row_group: int
    first: int
    rows: int


@dataclass(frozen=True)
class ReadTask:
    """The reading of a row slice in an epoch.

    Attributes:
        epoch: the epoch in which it is served.
        row_slice: the row slice to read.
        skipped: number of rows to leave out at the beginning, in the order in which they are served.
    """

    epoch: int
    row_slice: RowSlice
    skipped: int = 0


def shard_row_slices(split: SplitEntry, shard: int, rows_at_most: int) -> tuple[RowSlice, ...]:
    """The row slices of a shard in the order of its files.

    Args:
        split: the split's entry in the manifest.
        shard: number of the shard.
        rows_at_most: the largest number of rows in a row slice.

    Raises:
        StoreError: the manifest contradicts itself.
    """
    row_slices: list[RowSlice] = []
    for file in split.shard_files(shard):
        if sum(file.row_groups) != file.rows:
            raise StoreError(
                f"The manifest says {file.rows} rows of {file.path}, and row groups with {sum(file.row_groups)}. "
                "Prepare the store again."
            )
        for row_group, rows in enumerate(file.row_groups):
            parts = -(-rows // rows_at_most)
            bounds = [rows * part // parts for part in range(parts + 1)] if parts else []
            for first, last in pairwise(bounds):
                row_slices.append(RowSlice(shard, len(row_slices), file, row_group, first, last - first))
    return tuple(row_slices)


def epoch_tasks(
    row_slices: Sequence[Sequence[RowSlice]], epoch: int, seed: int | None, given: Sequence[int] | None = None
) -> list[ReadTask]:
    """The read tasks of an epoch, in order.

    Args:
        row_slices: the row slices of each shard to read.
        epoch: number of the epoch.
        seed: seed of the order; None keeps the order of the files.
        given: number of rows of each of these shards to skip, since they were served before.
    """
    tasks: list[tuple[float, int, ReadTask]] = []
    for index, shard in enumerate(row_slices):
        skipped = given[index] if given else 0
        total, start = max(sum(row_slice.rows for row_slice in shard), 1), 0
        for position in _slice_order(shard, epoch, seed):
            row_slice = shard[position]
            left_out = min(max(skipped - start, 0), row_slice.rows)
            if left_out < row_slice.rows:
                due = (2 * (start + left_out) + 1) / (2 * total)
                tasks.append((due, index, ReadTask(epoch, row_slice, left_out)))
            start += row_slice.rows
    tasks.sort(key=lambda item: item[:2])
    return [task for _, _, task in tasks]


def row_order(task: ReadTask, seed: int | None) -> npt.NDArray[np.int64] | slice:
    """The rows of a task to serve, in order: positions within the row slice."""
    if seed is None:
        return slice(task.skipped, task.row_slice.rows)
    row_slice = task.row_slice
    order: npt.NDArray[np.int64] = _generator(seed, task.epoch, row_slice.shard, row_slice.number).permutation(
        row_slice.rows
    )
    return order[task.skipped :]


def _slice_order(shard: Sequence[RowSlice], epoch: int, seed: int | None) -> Sequence[int]:
    if seed is None or not shard:
        return range(len(shard))
    order: list[int] = _generator(seed, epoch, shard[0].shard).permutation(len(shard)).tolist()
    return order


def _generator(*key: int) -> np.random.Generator:
    """A random generator whose numbers follow from `key` alone."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
