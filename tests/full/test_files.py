"""Three hundred random files of pandas, csv, R and Excel, with random oddities: each read as meant, or one message."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from tests.support.odd_tables import odd_table
from tests.support.odd_tables_read import READ, outcome_of

pytestmark = [pytest.mark.full, pytest.mark.timeout(3000)]

TABLES, LEAST_READ = 300, 270

log = logging.getLogger(__name__)


def test_three_hundred_files(spark, tmp_path):
    outcomes = [outcome_of(spark, odd_table(seed), tmp_path) for seed in range(TABLES)]

    for outcome in outcomes:
        if outcome.what != READ:
            log.warning("Seed %d, %s: %s", outcome.seed, ", ".join(outcome.oddities), outcome.what)
    assert [outcome for outcome in outcomes if outcome.is_wrong] == []
    assert Counter(outcome.what == READ for outcome in outcomes)[True] >= LEAST_READ
