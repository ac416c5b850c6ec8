"""Metrics are called as people call them."""

from __future__ import annotations

import pytest

from pipeline.evaluation.metric_names import is_lower_better, is_share, metric_name


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("log_loss", "log loss"),
        ("auc", "AUC"),
        ("auc_weighted", "AUC, weighted mean"),
        ("false_positive_rate_macro", "false positive rate, macro mean"),
        ("f0.5_macro", "F0.5, macro mean"),
    ],
)
def test_names(metric: str, name: str) -> None:
    assert metric_name(metric) == name


def test_means_over_classes_are_read_as_what_they_average() -> None:
    assert is_share("precision_macro")
    assert not is_share("auc_macro")
    assert is_lower_better("false_positive_rate_macro")
    assert not is_lower_better("recall_macro")
