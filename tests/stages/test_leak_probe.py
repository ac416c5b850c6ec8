"""A leak probe: a column that tells nothing, encoded by the label's mean before the split, and within each fold.

Both ways go through the same folds of the same rows with the same network; only the place of the fit differs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config.load import parse_config
from pipeline.evaluation.folds import CrossvalReport
from pipeline.stages.crossval import cross_validate

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(290)]

ROWS, SMOOTHING = 4000, 1.0


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """Labels by the toss of a coin, codes that most rows share with one other at most, their means over all rows."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"id": range(ROWS), "code": [f"code {n}" for n in random.integers(0, ROWS, ROWS)]})
    heads = random.random(ROWS) < 0.5
    groups = pd.Series(heads).groupby(rows.code)
    rows["mean_of_code"] = (groups.transform("sum") + SMOOTHING * heads.mean()) / (groups.transform("size") + SMOOTHING)
    rows["coin"] = np.where(heads, "heads", "tails")
    path = tmp_path_factory.mktemp("probe") / "coins.csv"
    rows.to_csv(path, index=False)
    return path


def report_of(table: Path, spark, features: dict) -> CrossvalReport:
    """The cross-validation of a network on these features."""
    content = {
        "name": "probe",
        "storage": {"root": str(table.parent / "root")},
        "data": {"source": {"path": str(table)}, "label": "coin", "positive_class": "heads", "key": "id"},
        "split": {"fractions": {"train": 0.9, "validation": 0.1, "test": 0.0}},
        "features": features,
        "model": {"hidden": [8]},
        "train": {"epochs": 10, "batch_size": 64, "optimizer": {"learning_rate": 0.02}},
        "crossval": {"folds": 5, "parallel_folds": 2},
        "track": {"enabled": False},
    }
    found = cross_validate(parse_config(content), spark=spark)
    assert found.rows == ROWS
    file = Path(found.predictions.removeprefix("file://")).parent / "report.json"
    return CrossvalReport.from_json(file.read_bytes(), str(file))


def test_a_column_without_content_gains_nothing_in_our_folds_and_much_where_it_is_fitted_before(table, spark):
    before = report_of(table, spark, {"numeric": [{"columns": ["mean_of_code"]}]})
    within = {"columns": ["code"], "encoding": "target_mean", "smoothing": SMOOTHING}
    inside = report_of(table, spark, {"categorical": [within]})
    assert before.folds_id == inside.folds_id, "the same rows in the same folds"
    low, high = inside.intervals["auc"]
    assert before.mean["auc"] > 0.8
    assert 0.44 < low < 0.5 < high < 0.56
    assert inside.pooled_intervals["auc"][0] < 0.5 < inside.pooled_intervals["auc"][1]
