"""A sketch is exact while it has room, keeps its promise of width when it has not, and does not mind in which parts or
which order rows came."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.bootstrap_groups import GROUPS, groups_of
from pipeline.evaluation.sketch import Sketch, absolute, merge_sketches, quantiles

numbers = st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=60)


def sketch(values, limit: int = 1 << 20, kinds=None) -> Sketch:
    values = np.asarray(values, np.float64)
    kinds = np.zeros(len(values), np.int64) if kinds is None else np.asarray(kinds)
    return Sketch.of(values, kinds, 2, limit=limit)


@given(numbers)
def test_few_numbers_are_kept_as_they_are(values: list[float]) -> None:
    found = sketch(values)
    expected, counts = np.unique(np.array(values) + 0.0, return_counts=True)
    assert found.shift == 0
    assert found.middle.tolist() == expected.tolist()
    assert found.counts[:, 0].tolist() == counts.tolist()


@given(numbers, st.integers(2, 20))
def test_cells_hold_their_numbers_and_no_row_is_lost(values: list[float], limit: int) -> None:
    found = sketch(values, limit)
    assert len(found.keys) <= limit
    assert found.counts.sum() == len(values)
    for value in values:
        cell = int(np.searchsorted(found.high, value))
        assert found.low[cell] <= value <= found.high[cell]
    assert (found.low[1:] >= found.high[:-1]).all()


@given(numbers, numbers, st.integers(2, 20))
def test_parts_make_the_whole_in_any_order(left: list[float], right: list[float], limit: int) -> None:
    one, two = sketch(left, limit), sketch(right, limit)
    merged, turned = merge_sketches([one, two]), merge_sketches([two, one])
    assert merged.keys.tolist() == turned.keys.tolist()
    assert merged.counts.tolist() == turned.counts.tolist()
    assert merged.counts.sum() == len(left) + len(right)


def test_no_bit_is_left_out_that_need_not_be() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    found = sketch(values, 1000)
    keys = len(np.unique(sketch(values).keys >> (found.shift - 1)))
    assert len(found.keys) <= 1000 < keys


def test_kinds_are_counted_apart() -> None:
    found = sketch([1.0, 1.0, -0.0, 0.0], kinds=[0, 1, 1, 1])
    assert found.middle.tolist() == [0.0, 1.0]
    assert found.counts.tolist() == [[0, 2], [1, 1]]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60))
def test_quantiles_of_few_numbers_are_numpys(values: list[float]) -> None:
    shares = [0.0, 0.25, 0.5, 0.9, 1.0]
    found, error_bound = quantiles(sketch(values), shares)
    assert found == pytest.approx(np.quantile(values, shares), rel=1e-9, abs=1e-300)
    assert not error_bound.any()
    assert quantiles(absolute(sketch(values)), [0.5])[0] == pytest.approx(np.median(np.abs(values)), rel=1e-9)


@pytest.mark.parametrize("limit", [64, 512])
def test_quantiles_of_many_numbers_are_off_by_no_more_than_is_told(limit: int) -> None:
    values = np.random.default_rng(1).standard_cauchy(20_001)
    shares = [0.01, 0.3, 0.5, 0.77, 0.99]
    for found, exact in ((sketch(values, limit), values), (absolute(sketch(values, limit)), np.abs(values))):
        at, error_bound = quantiles(found, shares)
        assert (np.abs(at - np.quantile(exact, shares)) <= error_bound).all()
        assert (error_bound > 0).all()


def test_the_group_of_a_row_depends_on_its_place_alone() -> None:
    whole = groups_of(3, 16, 0, 1000)
    assert whole.tolist() == [*groups_of(3, 16, 0, 400), *groups_of(3, 16, 400, 600)]
    together = np.concatenate([groups_of(shard, 16, 0, 64) for shard in range(16)])
    assert sorted(together.tolist()) == list(range(GROUPS)), "as many rows as groups have one each"
