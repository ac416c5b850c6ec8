"""Metrics of labels that are numbers."""

from __future__ import annotations

from typing import Any

from pipeline.metrics import Metric


def _keras(class_name: str, name: str) -> Any:
    import keras

    return getattr(keras.metrics, class_name)(name=name, dtype="float64")


MAE = Metric("mae", "MAE", lower_is_better=True, low=0.0, of_numbers=lambda: _keras("MeanAbsoluteError", "mae"))
RMSE = Metric("rmse", "RMSE", lower_is_better=True, low=0.0, of_numbers=lambda: _keras("RootMeanSquaredError", "rmse"))
MSE = Metric("mse", "MSE", lower_is_better=True, low=0.0, of_numbers=lambda: _keras("MeanSquaredError", "mse"))
R2 = Metric("r2", "R²", high=1.0, of_numbers=lambda: _keras("R2Score", "r2"))
MAPE = Metric("mape", "MAPE", lower_is_better=True, low=0.0, is_share=True)
MEDIAN_ABSOLUTE_ERROR = Metric("median_absolute_error", lower_is_better=True, low=0.0)
