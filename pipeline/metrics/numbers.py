"""Metrics of labels that are numbers."""

from __future__ import annotations

from typing import Any

from pipeline.metrics import Metric


def _keras(class_name: str, name: str) -> Any:
    import keras

    return getattr(keras.metrics, class_name)(name=name, dtype="float64")


def _error(name: str, display: str = "", **more: Any) -> Metric:
    return Metric(name, display, lower_is_better=True, low=0.0, fits_numbers=True, **more)


MAE = _error("mae", "MAE", of_numbers=lambda: _keras("MeanAbsoluteError", "mae"))
RMSE = _error("rmse", "RMSE", of_numbers=lambda: _keras("RootMeanSquaredError", "rmse"))
MSE = _error("mse", "MSE", of_numbers=lambda: _keras("MeanSquaredError", "mse"))
R2 = Metric("r2", "R²", high=1.0, fits_numbers=True, of_numbers=lambda: _keras("R2Score", "r2"))
MAPE = _error("mape", "MAPE", is_share=True)
MEDIAN_ABSOLUTE_ERROR = _error("median_absolute_error")
