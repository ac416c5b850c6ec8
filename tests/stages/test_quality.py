"""What the configurations that ship reach on test rows; the bounds are what README promises."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from pipeline.config import load_config
from pipeline.stages.crossval import cross_validate
from pipeline.stages.run import run

pytestmark = [pytest.mark.spark, pytest.mark.dist, pytest.mark.slow]

BOUNDS = [("iris", "accuracy", 0.93), ("breast_cancer", "auc", 0.98)]

BOUNDS_ON_FILES = [
    ("adult", "adult.csv", 1, "auc", 0.917, "at least"),
    ("house_prices", "house_sales.tsv", 2, "mae", 126_000, "at most"),
    ("house_prices_full", "house_sales.tsv", 1, "mae", 60_000, "at most"),
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
    divided = _divided(shared_data / file, tmp_path / file)
    settings = [
        f"storage.root={tmp_path}",
        "track.enabled=false",
        f"train.workers={workers}",
        f"data.source.path={divided}",
        # Of houses sold twice, that split has one sale in training and the other in test.
        "data.key=[]",
        "split.method=column",
        "split.column=part",
        "split.values={train: train, validation: validation, test: test}",
        "split.fractions={train: 0.8, validation: 0.1, test: 0.1}",  # the defaults: the column decides
    ]
    done = run(load_config(repository / "conf" / f"{name}.yaml", overrides=settings), spark=spark)
    reached = done.evaluate.metrics[metric]
    assert reached >= bound if side == "at least" else reached <= bound


def test_five_folds_of_house_prices_reach_their_bound(spark, tmp_path, repository, shared_data):
    settings = [
        f"storage.root={tmp_path}",
        "track.enabled=false",
        f"data.source.path={shared_data / 'house_sales.tsv'}",
    ]
    found = cross_validate(load_config(repository / "conf" / "house_prices_full.yaml", overrides=settings), spark=spark)
    assert len(found.folds) == 5
    assert found.mean["mae"] < 59_500
    low, high = found.intervals["mae"]
    assert low < found.mean["mae"] < high


def _divided(file: Path, out: Path) -> Path:
    """The file with a column `part`: scikit-learn's 80/20 split, random state 0; a tenth of the 80 is validation."""
    separator = "\t" if file.suffix == ".tsv" else ","
    rows = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    train, test = train_test_split(rows.index, test_size=0.2, random_state=0)
    _, validation = train_test_split(train, test_size=0.1, random_state=0)
    rows["part"] = "train"
    rows.loc[test, "part"] = "test"
    rows.loc[validation, "part"] = "validation"
    rows.to_csv(out, sep=separator, index=False)
    return out


def test_on_the_demo_the_network_clearly_beats_the_linear_model(spark, tmp_path, repository):
    settings = [f"storage.root={tmp_path}", "track.enabled=false", "data.source.rows=40000"]
    done = run(load_config(repository / "conf" / "bank.yaml", overrides=settings), spark=spark)
    assert done.evaluate.metrics["r2"] > 0.85
    assert done.evaluate.baselines["linear"]["r2"] < 0.65
    assert done.evaluate.metrics["mae"] < 0.6 * done.evaluate.baselines["linear"]["mae"]
