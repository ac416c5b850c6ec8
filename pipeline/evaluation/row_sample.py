"""A bounded sample of the rows of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.store.store import Store


def sample_rows(store: Store, split: str, limit: int) -> Iterator[Rows]:
    """Rows of a split, shard by shard, until there were `limit` rows.

    A hash of the row decides its shard, so the first rows are as good a sample as any.
    """
    left = limit
    for shard in range(store.manifest.shards):
        for rows in read_shard(store, split, shard):
            if left <= 0:
                return
            yield rows.take(slice(left))
            left -= len(rows)


def concatenate(parts: Sequence[Rows]) -> Rows:
    """All rows of at least one part."""
    arrays = [part.arrays() for part in parts]
    return Rows.of_arrays({name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]})
