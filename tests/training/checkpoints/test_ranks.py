"""What each rank takes from a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.training.checkpoints.format import Checkpoint
from tests.support.checkpoints import HEAD


@pytest.mark.parametrize("group", ["shared", "per_rank"])
def test_seeds_of_another_number_of_ranks_follow_from_those_of_rank_0(group):
    pytest.importorskip("tensorflow")
    from pipeline.training.checkpoints.ranks import state_of_rank
    from pipeline.training.world import SingleWorld

    name, seed = "network/003/seed_generator_state", np.array([70, 9], np.int64)
    arrays = {"shared": {}, "per_rank": {}} | {
        group: {name: seed if group == "shared" else np.stack([seed, seed + np.array([1, 0])])}
    }
    kept = Checkpoint(HEAD, **arrays)
    assert state_of_rank(kept, SingleWorld(rank=2, size=3))[name].tolist() == [72, 9]
    same = state_of_rank(kept, SingleWorld(rank=1, size=2))[name].tolist()
    assert same == ([70, 9] if group == "shared" else [71, 9])
