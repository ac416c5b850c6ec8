"""The number of shards."""

from __future__ import annotations

import pytest

from pipeline.data.split import MIN_ROWS_PER_SHARD, shards_for


@pytest.mark.parametrize(("rows", "shards"), [(1, 1), (31, 1), (32, 2), (107, 4), (255, 8), (256, 16), (10**9, 16)])
def test_shards_halve_until_each_has_rows(rows, shards):
    assert shards_for(rows) == shards
    assert shards == 1 or rows / shards >= MIN_ROWS_PER_SHARD
