"""What the configurations that ship reach on test rows; the bounds are what README promises."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.stages.run import run
from tests.support.published import reached_on_published_split

pytestmark = [pytest.mark.spark, pytest.mark.world_size(2), pytest.mark.slow]

BOUNDS = [("iris", "accuracy", 0.93), ("breast_cancer", "auc", 0.98)]

BOUNDS_ON_FILES = [
    ("adult", "adult.csv", 1, "auc", 0.917, "at least"),
    ("house_prices", "house_sales.tsv", 2, "mae", 126_000, "at most"),
]


@pytest.mark.parametrize(("name", "metric", "bound"), BOUNDS, ids=[bound[0] for bound in BOUNDS])
def test_a_shipped_configuration_reaches_its_bound(spark, tmp_path, repository, name, metric, bound):
    settings = [f"storage.root={tmp_path}", "track.enabled=false"]
    done = run(load_config(repository / "conf" / f"{name}.yaml", overrides=settings), spark=spark)
    assert done.evaluate.metrics[metric] >= bound


@pytest.mark.parametrize(
    ("name", "file", "workers", "metric", "bound", "side"), BOUNDS_ON_FILES, ids=[bound[0] for bound in BOUNDS_ON_FILES]
)
def test_a_shipped_configuration_reaches_its_bound_on_the_split_of_published_figures(
    spark, tmp_path, repository, shared_data, name, file, workers, metric, bound, side
):
    reached = reached_on_published_split(spark, tmp_path, repository, shared_data / file, name, workers)[metric]
    assert reached >= bound if side == "at least" else reached <= bound


def test_on_the_demo_the_network_clearly_beats_the_linear_model(spark, tmp_path, repository):
    settings = [f"storage.root={tmp_path}", "track.enabled=false", "data.source.rows=40000"]
    done = run(load_config(repository / "conf" / "bank.yaml", overrides=settings), spark=spark)
    assert done.evaluate.metrics["r2"] > 0.85
    assert done.evaluate.baselines["linear"]["r2"] < 0.65
    assert done.evaluate.metrics["mae"] < 0.6 * done.evaluate.baselines["linear"]["mae"]
