"""Two ranks, one of them killed 200 times in ten trainings: each ends with the weights of an undisturbed training."""

from __future__ import annotations

import pytest

from tests.support.killed import SHARDS, history, job, live
from tests.support.stores import write_small_store

KILLS = 20
SECONDS = 900
LONG = {"epochs": 12, "early_stopping": {"patience": 12}}
"""Enough steps that a training is still at work after the last kill."""

pytestmark = [pytest.mark.full, pytest.mark.timeout(SECONDS)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A storage root, the weights of a training that nobody disturbs, and its history."""
    folder = tmp_path_factory.mktemp("kills")
    write_small_store(folder, SHARDS)
    told = job(folder, "undisturbed", checkpoint=None, **LONG)
    return folder, live(told, 0)["result"]["weights"], history(told)


@pytest.mark.parametrize("every_steps", [10, 2])
@pytest.mark.parametrize("seed", range(100, 105))
def test_no_kill_changes_what_is_learnt(undisturbed, every_steps, seed):
    folder, weights, expected = undisturbed
    told = job(folder, f"killed-{every_steps}-{seed}", checkpoint={"every_steps": every_steps}, **LONG)
    found = live(told, KILLS, seed, timeout=SECONDS)
    assert found["result"]["weights"] == weights
    assert history(told) == expected
    assert found["result"]["resumed"] is not None
