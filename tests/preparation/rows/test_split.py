"""The number of shards, and cuts by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preparation.rows.split import MIN_ROWS_PER_SHARD, shards_for
from pipeline.preparation.rows.timestamps import closest_cuts


@pytest.mark.parametrize(("rows", "shards"), [(1, 1), (31, 1), (32, 2), (107, 4), (255, 8), (256, 16), (10**9, 16)])
def test_shards_halve_until_each_has_rows(rows, shards):
    assert shards_for(rows) == shards
    assert shards == 1 or rows / shards >= MIN_ROWS_PER_SHARD


@given(st.lists(st.integers(1, 1000), min_size=3, max_size=50), st.lists(st.floats(0, 1), min_size=1, max_size=2))
def test_cuts_ascend_and_leave_rows_on_both_sides(sizes, shares):
    cuts = closest_cuts(np.array(sizes), sorted(shares))
    assert all(low < high for low, high in zip([0, *cuts], [*cuts, len(sizes)], strict=True))


def test_cuts_come_closest_to_the_shares():
    assert closest_cuts(np.array([10, 10, 10, 10]), [0.5]) == [2]
    assert closest_cuts(np.array([97, 1, 1, 1]), [0.5, 0.6]) == [1, 2]
    assert closest_cuts(np.array([1, 1, 1, 97]), [0.5, 0.6]) == [2, 3]
