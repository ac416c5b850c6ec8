"""The plan: every row once, equal steps, the same global batches for any world size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.feed.plan import plan_epoch

SHARDS = st.lists(st.integers(0, 300) | st.integers(0, 20_000), min_size=1, max_size=16)
BATCH = st.integers(1, 700)


@given(SHARDS, BATCH)
def test_every_row_is_served_exactly_once_in_steps_no_larger_than_the_global_batch(shards, batch):
    plan = plan_epoch(shards, batch, 1)
    served = plan.served(0, plan.steps)
    assert served.sum(0).tolist() == shards
    assert (served >= 0).all()
    assert served.sum(1).max(initial=0) <= batch
    assert np.ptp(served.sum(1)) <= 1 if plan.steps else not sum(shards)


@given(SHARDS, BATCH, st.integers(1, 20))
def test_steps_and_global_batches_do_not_depend_on_the_world_size(shards, batch, world):
    alone, many = plan_epoch(shards, batch, 1), plan_epoch(shards, batch, world)
    assert alone.steps == many.steps
    assert (alone.served(0, alone.steps) == many.served(0, many.steps)).all()


@given(SHARDS, st.integers(1, 20))
def test_each_shard_has_one_rank(shards, world):
    plan = plan_epoch(shards, 64, world)
    assert sorted(shard for rank in range(world) for shard in plan.shards_of(rank)) == list(range(len(shards)))


@given(SHARDS, BATCH, st.integers(1, 8))
def test_no_rank_has_more_rows_in_a_step_than_its_batch_holds(shards, batch, world):
    plan = plan_epoch(shards, batch, world)
    served = plan.served(0, plan.steps)
    for rank in range(world):
        assert served[:, list(plan.shards_of(rank))].sum(1).max(initial=0) <= plan.padded_rank_batch


@given(SHARDS, BATCH, st.integers(0, 50))
def test_rows_before_a_step_are_those_that_the_earlier_steps_served(shards, batch, step):
    plan = plan_epoch(shards, batch, 1)
    step = min(step, plan.steps)
    assert plan.before(step).tolist() == plan.served(0, step).sum(0).tolist()


@pytest.mark.parametrize(
    ("shards", "batch", "steps"), [([5, 3], 4, 2), ([512] * 16, 512, 16), ([], 4, 0), ([0, 0], 4, 0)]
)
def test_known_plans(shards, batch, steps):
    assert plan_epoch(shards, batch, 2).steps == steps


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 30))
def test_the_arithmetic_is_that_of_sorting_all_rows_by_position(shards, batch):
    plan = plan_epoch(shards, batch, 1)
    assume(plan.steps)
    order = sorted(((2 * i + 1) / (2 * rows), s) for s, rows in enumerate(shards) for i in range(rows))
    for step in range(plan.steps + 1):
        first = [shard for _, shard in order[: step * len(order) // plan.steps]]
        assert plan.before(step).tolist() == [first.count(shard) for shard in range(len(shards))]


def test_uneven_shards_end_together():
    plan = plan_epoch([10_000, 1_000], 110, 2)
    served = plan.served(0, plan.steps)
    assert plan.steps == 100
    assert np.ptp(served, axis=0).max() <= 2
    assert served[-1].min() > 0


def test_a_billion_rows_are_planned_without_a_list_of_steps():
    plan = plan_epoch([62_500_000 + shard for shard in range(16)], 4096, 8)
    assert plan.served(plan.steps - 3, plan.steps).sum(1).max() <= 4096
    assert plan.before(plan.steps).sum() == sum(plan.shard_rows)
