"""House prices from all columns: the bounds of the published split, and of five folds."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.stages.crossval import cross_validate
from tests.support.published import reached_on_published_split

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

FILE = "house_sales.tsv"


def test_all_columns_reach_their_bound_on_the_split_of_published_figures(spark, tmp_path, repository, shared_data):
    reached = reached_on_published_split(spark, tmp_path, repository, shared_data / FILE, "house_prices_full", 1)
    assert reached["mae"] <= 60_000


def test_five_folds_of_house_prices_reach_their_bound(spark, tmp_path, repository, shared_data):
    settings = [
        f"storage.root={tmp_path}",
        "track.enabled=false",
        f"data.source.path={shared_data / FILE}",
    ]
    found = cross_validate(load_config(repository / "conf" / "house_prices_full.yaml", overrides=settings), spark=spark)
    assert len(found.folds) == 5
    assert found.mean["mae"] < 59_500
    low, high = found.intervals["mae"]
    assert low < found.mean["mae"] < high
