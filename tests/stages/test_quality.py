"""What the configurations that ship reach on their test splits; the bounds are what README promises."""

from __future__ import annotations

import pytest

from pipeline.config import load_config
from pipeline.stages.run import run

pytestmark = [pytest.mark.spark, pytest.mark.dist, pytest.mark.slow]

BOUNDS = [
    ("iris", None, 1, "accuracy", 0.93, "at least"),
    ("breast_cancer", None, 1, "auc", 0.98, "at least"),
    ("adult", "adult.csv", 1, "auc", 0.905, "at least"),
    ("house_prices", "house_sales.tsv", 2, "mae", 133_000, "at most"),
    ("house_prices_full", "house_sales.tsv", 1, "mae", 68_000, "at most"),
]


@pytest.mark.parametrize(
    ("name", "file", "workers", "metric", "bound", "side"), BOUNDS, ids=[bound[0] for bound in BOUNDS]
)
def test_a_shipped_configuration_reaches_its_bound(
    spark, tmp_path, repository, request, name, file, workers, metric, bound, side
):
    settings = [f"storage.root={tmp_path}", "track.enabled=false", f"train.workers={workers}"]
    if file:
        settings.append(f"data.source.path={request.getfixturevalue('shared_data') / file}")
    done = run(load_config(repository / "conf" / f"{name}.yaml", overrides=settings), spark=spark)
    reached = done.evaluate.metrics[metric]
    assert reached >= bound if side == "at least" else reached <= bound


def test_on_the_demo_the_network_clearly_beats_the_linear_model(spark, tmp_path, repository):
    settings = [f"storage.root={tmp_path}", "track.enabled=false", "data.source.rows=40000"]
    done = run(load_config(repository / "conf" / "bank.yaml", overrides=settings), spark=spark)
    assert done.evaluate.metrics["r2"] > 0.85
    assert done.evaluate.baseline["r2"] < 0.65
    assert done.evaluate.metrics["mae"] < 0.6 * done.evaluate.baseline["mae"]
