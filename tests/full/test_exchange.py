"""Ranks that share memory make a thousand random calls at a time, of up to ten million numbers, under sanitizers."""

from __future__ import annotations

import pytest

from tests.support.fuzzing import fuzz

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ENDINGS = ("end", "leave", "die", "mismatch")
LARGEST, CALLS_OF_LARGE = 10_000_000, 50


@pytest.mark.parametrize("ranks", range(2, 6))
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_thousand_calls(kind, ranks):
    ending = ENDINGS[ranks - 2]
    if (kind, ending) == ("threads", "die"):
        ending = "leave"
    assert fuzz(kind, ranks, 1000, 100 + ranks, 300_000, ending, timeout=3000) == ""


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_large_tensors(kind):
    assert fuzz(kind, 2, CALLS_OF_LARGE, 100, LARGEST, "end", timeout=3000) == ""
