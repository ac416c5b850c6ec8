"""Ranks that share memory make a thousand random calls at a time, of up to ten million numbers, under sanitizers."""

from __future__ import annotations

import pytest

from tests.support.fuzzing import fuzz

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ENDINGS = ("end", "leave", "die", "mismatch")
LARGEST, SEEDS_OF_LARGE = 10_000_000, 2


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_thousand_calls(kind, seed):
    ending = ENDINGS[seed % 4]
    if (kind, ending) == ("threads", "die"):
        ending = "leave"
    calls, largest = (100, LARGEST) if seed < SEEDS_OF_LARGE else (1000, 300_000)
    assert fuzz(kind, 2 + seed % 4, calls, 100 + seed, largest, ending, timeout=3000) == ""
