"""Which row groups a rank reads, in which order: pure arithmetic from the manifest, without opening a file.

Vocabulary: a window is what is read, held and shuffled together: a row group, or one of the even parts of a row group
that is too large for the memory that a rank may use. The windows of a shard are numbered in the order of its files.

In each epoch a shard's windows come in an order, and the rows of each window in another one, that are functions of
(seed, epoch, shard) and the manifest alone. So a training can begin at any step: what comes before it need not be
read. The windows of all shards of a rank are read in the order in which their first rows are due.

For example, shards of 5 and 3 rows in windows of 2 rows at most, in the order of the files: the windows begin at rows
0, 2, 4 of the first shard and 0, 2 of the second one, so at the positions .1 .5 .9 and .17 .83 (see `plan`), and are
read as first, second, first, second, first.
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
class Window:
    """Rows of one shard that are held together.

    Attributes:
        shard: whose rows they are.
        number: among the shard's windows.
        file: that holds them.
        row_group: within the file.
        first: row within the row group.
        rows: how many.
    """

    shard: int
    number: int
    file: FileEntry
    row_group: int
    first: int
    rows: int


@dataclass(frozen=True)
class Turn:
    """A window's turn in an epoch.

    Attributes:
        epoch: in which it is served.
        window: what is served.
        skipped: rows at its beginning, in the order of service, that are left out.
    """

    epoch: int
    window: Window
    skipped: int = 0


def shard_windows(split: SplitEntry, shard: int, rows_at_most: int) -> tuple[Window, ...]:
    """The windows of a shard in the order of its files.

    Args:
        split: as the manifest says.
        shard: which one.
        rows_at_most: of a window.

    Raises:
        StoreError: the manifest contradicts itself.
    """
    windows: list[Window] = []
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
                windows.append(Window(shard, len(windows), file, row_group, first, last - first))
    return tuple(windows)


def epoch_turns(
    windows: Sequence[Sequence[Window]], epoch: int, seed: int | None, given: Sequence[int] | None = None
) -> list[Turn]:
    """What is read in an epoch, in the order of reading.

    Args:
        windows: of every shard that is read.
        epoch: which one.
        seed: of the order; None keeps that of the files.
        given: rows of each of these shards that are not wanted, since they were served before.
    """
    turns: list[tuple[float, int, Turn]] = []
    for index, shard in enumerate(windows):
        skipped = given[index] if given else 0
        total, start = max(sum(window.rows for window in shard), 1), 0
        for position in _shuffled(shard, epoch, seed):
            window = shard[position]
            left_out = min(max(skipped - start, 0), window.rows)
            if left_out < window.rows:
                due = (2 * (start + left_out) + 1) / (2 * total)
                turns.append((due, index, Turn(epoch, window, left_out)))
            start += window.rows
    turns.sort(key=lambda item: item[:2])
    return [turn for _, _, turn in turns]


def row_order(turn: Turn, seed: int | None) -> npt.NDArray[np.int64] | slice:
    """The rows of a turn that are served, in order: places within the window."""
    if seed is None:
        return slice(turn.skipped, turn.window.rows)
    window = turn.window
    order: npt.NDArray[np.int64] = _random(seed, turn.epoch, window.shard, window.number).permutation(window.rows)
    return order[turn.skipped :]


def _shuffled(shard: Sequence[Window], epoch: int, seed: int | None) -> Sequence[int]:
    if seed is None or not shard:
        return range(len(shard))
    order: list[int] = _random(seed, epoch, shard[0].shard).permutation(len(shard)).tolist()
    return order


def _random(*key: int) -> np.random.Generator:
    """Random numbers that follow from `key`."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
