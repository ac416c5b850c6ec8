"""Metrics as people call them, and how they are read."""

from __future__ import annotations

import math

from pipeline.schemas.label import Task

HEADLINES = {
    Task.REGRESSION: ("rmse", "mae", "median_absolute_error", "r2", "mape"),
    Task.BINARY: ("log_loss", "auc", "accuracy", "f1", "average_precision"),
    Task.MULTICLASS: ("log_loss", "accuracy", "balanced_accuracy", "f1_macro", "auc"),
}
"""Metrics that a reader wants first, the one that decides at the head."""
MAIN = {task: metrics[0] for task, metrics in HEADLINES.items()}
"""The metric that decides; lower is better."""
NAMES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mse": "MSE",
    "mape": "MAPE",
    "r2": "R²",
    "auc": "AUC",
    "brier": "Brier score",
    "f1": "F1",
    "f2": "F2",
    "f0.5": "F0.5",
}
LOWER_IS_BETTER = frozenset(
    {
        "mae",
        "rmse",
        "mse",
        "mape",
        "median_absolute_error",
        "error_rate",
        "log_loss",
        "brier",
        "calibration_error",
        "false_positive_rate",
    }
)
UP_TO_ONE = frozenset({"auc", "average_precision", "f1", "f2", "f0.5"})
"""Beside the shares."""
MEANS = frozenset({"macro", "micro", "weighted"})
SHARES = frozenset(
    {
        "accuracy",
        "error_rate",
        "null_error_rate",
        "balanced_accuracy",
        "calibration_error",
        "mape",
        "precision",
        "recall",
        "specificity",
        "false_positive_rate",
        "prevalence",
    }
)


def metric_name(metric: str) -> str:
    """`log_loss` as `log loss`, `auc_macro` as `AUC, macro mean`."""
    base, mean = _parts(metric)
    name = NAMES.get(base, base.replace("_", " "))
    return f"{name}, {mean} mean" if mean else name


def is_share(metric: str) -> bool:
    """Whether it is a share of rows or the like, for percentages; areas and F measures are not."""
    return _parts(metric)[0] in SHARES


def limits_of(metric: str) -> tuple[float, float]:
    """Between which values it lies."""
    base = _parts(metric)[0]
    if base in UP_TO_ONE or (base in SHARES and base != "mape"):
        return (0.0, 1.0)
    return (0.0 if base in LOWER_IS_BETTER else -math.inf, 1.0 if base == "r2" else math.inf)


def is_lower_better(metric: str) -> bool:
    """Whether less of it is better."""
    return _parts(metric)[0] in LOWER_IS_BETTER


def _parts(metric: str) -> tuple[str, str]:
    """A metric over classes, and how they are averaged."""
    base, _, last = metric.rpartition("_")
    return (base, last) if last in MEANS else (metric, "")


def capital(text: str) -> str:
    """With a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]
