"""Random calls of ranks as threads under ThreadSanitizer, as processes under AddressSanitizer; tests/full has more."""

from __future__ import annotations

import pytest

from tests.support.fuzzing import fuzz


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize(("ranks", "ending"), [(1, "end"), (2, "leave"), (3, "mismatch"), (4, "end")])
def test_random_calls_give_the_same_bits_on_every_rank(kind, ranks, ending):
    """Of sizes from 0 to several chunks; then one rank leaves, or calls for another thing."""
    assert fuzz(kind, ranks, 40, 7 * ranks, 200_000, ending) == ""


def test_the_death_of_a_process_is_seen():
    assert fuzz("processes", 3, 10, 5, 1000, "die") == ""
