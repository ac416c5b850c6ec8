"""Random files of pandas, csv, R and Excel give the table that was meant, or one clear message."""

from __future__ import annotations

import pytest

from tests.support.odd_tables import odd_table
from tests.support.odd_tables_read import READ, outcome_of

pytestmark = pytest.mark.spark

TABLES, LEAST_READ = 30, 27


def test_files_give_the_table_that_was_meant_or_a_message(spark, tmp_path):
    outcomes = [outcome_of(spark, odd_table(seed), tmp_path) for seed in range(TABLES)]

    assert [outcome for outcome in outcomes if outcome.is_wrong] == []
    assert sum(outcome.what == READ for outcome in outcomes) >= LEAST_READ
