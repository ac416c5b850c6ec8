"""A million categories, all kept, on a driver of 1 GB."""

from __future__ import annotations

import pytest

from tests.support.categories import check_a_million_categories

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]


def test_a_million_categories_fit_a_small_driver(spark, tmp_path):
    check_a_million_categories(spark, tmp_path, kept=1_000_000)
