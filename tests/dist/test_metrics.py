"""Metrics of worlds of 1, 2 and 4 real ranks, each of which saw a part of the rows, against scikit-learn's of all."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference

from pipeline.train.metrics import AUC_BINS
from tests.support.learning import METRICS, rows_of

pytestmark = [pytest.mark.dist, pytest.mark.slow, pytest.mark.timeout(900)]


def expected(kind: str, name: str) -> float:
    rows = rows_of(kind)
    label, prediction, weight = (rows[column].astype(np.float64) for column in ("label", "prediction", "weight"))
    weights = {"sample_weight": weight}
    if kind == "numbers":
        return {
            "mae": reference.mean_absolute_error(label, prediction, **weights),
            "mse": reference.mean_squared_error(label, prediction, **weights),
            "rmse": reference.mean_squared_error(label, prediction, **weights) ** 0.5,
            "r2": reference.r2_score(label, prediction, **weights),
        }[name]
    several = prediction.ndim > 1
    chosen = prediction.argmax(1) if several else prediction > 0.5
    if name == "accuracy":
        return reference.accuracy_score(label, chosen, **weights)
    if name == "auc":
        shares = prediction / prediction.sum(1, keepdims=True) if several else prediction
        return reference.roc_auc_score(label, shares, **weights, **({"multi_class": "ovr"} if several else {}))
    score = {"precision": reference.precision_score, "recall": reference.recall_score, "f1": reference.f1_score}[name]
    return score(label, chosen, **weights, **({"average": "macro"} if several else {}))


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in METRICS.items() for name in names])
def test_metrics_are_those_of_all_rows(worlds, kind, name, size):
    tolerance = 1 / AUC_BINS if name == "auc" else 1e-6
    for rank in worlds[size]:
        assert rank[f"metric/{kind}/{name}"] == pytest.approx(expected(kind, name), rel=0, abs=tolerance)


@pytest.mark.parametrize("size", [2, 4])
def test_areas_of_several_ranks_are_that_of_one(worlds, size):
    """Bins are the same however rows are divided, so they cost no exactness between worlds."""
    for kind in ("two", "three"):
        one, several = (worlds[ranks][0][f"metric/{kind}/auc"] for ranks in (1, size))
        assert several == pytest.approx(float(one), rel=0, abs=1e-9)
