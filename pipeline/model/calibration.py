"""Fits calibration: a mapping from predicted probabilities to observed rates.

References: Platt, Probabilistic outputs for support vector machines (1999); Zadrozny and Elkan, Transforming
classifier scores into accurate multiclass probability estimates (2002); Guo et al., On calibration of modern neural
networks (2017).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax
from sklearn.isotonic import IsotonicRegression

from pipeline.model.decision import LARGEST, SMALLEST, Floats, logit
from pipeline.schemas.decision import Calibration

LARGEST_LOG_TEMPERATURE = 5.0
"""Bound on the logarithm of the temperature: from 0.007 to 148 are tried."""


def fit_calibration(
    kind: Literal["none", "platt", "isotonic", "temperature"], label: ArrayLike, probabilities: ArrayLike
) -> Calibration:
    """The calibration of one kind that minimises the loss on some rows, independently of their order.

    Args:
        kind: the kind of calibration.
        label: class ids, [n], at least two different ones.
        probabilities: probabilities of class id 1, [n]; for `temperature` also of all k classes, [n, k].
    """
    ids, given = np.asarray(label).astype(np.int64), np.asarray(probabilities, np.float64)
    kept = np.clip(given, SMALLEST, LARGEST)
    match kind:
        case "platt":
            return _platt(ids, logit(kept))
        case "isotonic":
            return _isotonic(ids, given)
        case "temperature":
            z = np.log(kept) if given.ndim == 2 else np.column_stack([np.zeros(len(ids)), logit(kept)])
            return _temperature(ids, z)
        case "none":
            return Calibration()


def _platt(ids: NDArray[np.int64], z: Floats) -> Calibration:
    """Platt scaling. Its targets lie slightly inside 0 and 1, so that the slope stays finite for separable classes."""
    positive = int(ids.sum())
    target = np.where(ids == 1, (positive + 1) / (positive + 2), 1 / (len(ids) - positive + 2))
    columns = np.column_stack([z, np.ones(len(z))])

    def loss(at: Floats) -> Any:
        z_calibrated = columns @ at
        return np.mean(np.logaddexp(0.0, z_calibrated) - target * z_calibrated)

    def slope(at: Floats) -> Any:
        return columns.T @ (expit(columns @ at) - target) / len(z)

    def curvature(at: Floats) -> Any:
        rate = expit(columns @ at)
        return (columns * (rate * (1.0 - rate))[:, None]).T @ columns / len(z)

    fit = minimize(loss, np.array([1.0, 0.0]), jac=slope, hess=curvature, method="trust-exact", options={"gtol": 1e-10})
    return Calibration(kind="platt", slope=float(fit.x[0]), intercept=float(fit.x[1]))


def _isotonic(ids: NDArray[np.int64], given: Floats) -> Calibration:
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(given, ids)
    scores, rates = fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist()
    return Calibration(kind="isotonic", scores=tuple(scores), rates=tuple(rates))


def _temperature(ids: NDArray[np.int64], z: Floats) -> Calibration:
    rows = np.arange(len(ids))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(z / np.exp(log_temperature), axis=1)[rows, ids].mean())

    bounds = (-LARGEST_LOG_TEMPERATURE, LARGEST_LOG_TEMPERATURE)
    fit = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    return Calibration(kind="temperature", temperature=float(np.exp(fit.x)))
