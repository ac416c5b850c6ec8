"""How many steps a block has where that is measured."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

from pipeline.training.execution import BLOCK_SECONDS, MOST_STEPS, choose_steps, most_steps, steps_of
from pipeline.training.world import SingleWorld
from tests.support.learning import learn
from tests.support.stores import write_small_store


@pytest.mark.parametrize(
    ("seconds", "most", "expected"),
    [
        (0.001, 1000, MOST_STEPS),
        (0.003, 1000, 32),
        (0.05, 1000, 2),
        (7.0, 1000, 1),
        (0.0, 1000, MOST_STEPS),
        (0.003, 5, 5),
    ],
)
def test_blocks_last_about_as_long_as_they_should(seconds, most, expected):
    assert steps_of(seconds, most) == expected
    assert expected in (MOST_STEPS, most, 1) or BLOCK_SECONDS / 2 <= expected * seconds <= BLOCK_SECONDS * 2


def test_measuring_leaves_no_trace_and_keeps_to_what_memory_holds(tmp_path):
    from pipeline.feed.blocks import open_feed

    store = write_small_store(tmp_path, {"train": [200, 150]})
    runner = learn(store, SingleWorld(), {"name": "adam", "weight_decay": 0.1})
    before = runner.state()
    feed = open_feed(store, "train", batch_size=8, world_size=1, rank=0, steps_per_block=most_steps("auto"), seed=1)
    chosen = choose_steps("auto", runner, feed)
    after = runner.state()
    assert 1 <= chosen.steps_per_block <= feed.steps_per_block
    assert list(before) == list(after)
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert choose_steps(16, runner, feed) is feed
