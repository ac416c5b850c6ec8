"""Metrics as people call them, and how they are read."""

from __future__ import annotations

NAMES = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mse": "MSE",
    "mape": "MAPE",
    "r2": "R²",
    "auc": "AUC",
    "auc_micro": "AUC, micro mean",
    "auc_weighted": "AUC, weighted mean",
    "average_precision_micro": "average precision, micro mean",
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
NEAR_ZERO_IS_BETTER = frozenset({"mean_error", "median_error"})
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
"""Metrics that are shares of rows or the like, for percentages; areas and F measures are not."""


def metric_name(metric: str) -> str:
    """`log_loss` as `log loss`, `auc` as `AUC`."""
    return NAMES.get(metric, metric.replace("_", " "))


def capital(text: str) -> str:
    """With a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]
