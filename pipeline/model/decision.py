"""Applies a decision rule to probabilities in numpy, float64; `prediction_layer.py` does so in the saved model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from pipeline.config.evaluate import EvaluateConfig
from pipeline.errors import ConfigError, Problem, gather
from pipeline.schemas.decision import Calibration, DecisionRule
from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]

SMALLEST, LARGEST = 2.0**-30, 1.0 - 2.0**-30
"""Probabilities are clipped to this range, about 1e-9 from 0 and 1: closer to 1, the last bit of a probability, which
TensorFlow and numpy round differently, changes its logit noticeably."""


def check_decision(label: LabelSpec, config: EvaluateConfig) -> None:
    """Check that calibration and threshold fit the label, before anything is trained.

    Raises:
        ConfigError: naming each setting that does not fit.
    """
    fitting = label.target.calibrations
    whose = f"the {label.task} label '{label.name}'"
    problems = []
    if config.calibration not in fitting:
        what = f"evaluate.calibration does not fit {whose}"
        problems.append(Problem(what, ", ".join(fitting), config.calibration, "Change or remove it"))
    if not label.target.has_positive and config.has_changed("threshold"):
        what = f"evaluate.threshold is for labels of two classes and does not fit {whose}"
        problems.append(Problem(what, remedy="Remove it"))
    if problems:
        raise ConfigError(gather("The section evaluate does not fit the label", problems))


def calibrated(calibration: Calibration, probabilities: ArrayLike) -> Floats:
    """Calibrate probabilities.

    Args:
        calibration: the fitted calibration.
        probabilities: probabilities of class id 1, [n] or [n, 1], or of all k classes, [n, k].

    Returns:
        Calibrated probabilities, float64, in the same shape.
    """
    given = np.asarray(probabilities, np.float64)
    kept = np.clip(given, SMALLEST, LARGEST)
    corrected: Floats
    match calibration.kind:
        case "none":
            corrected = given
        case "platt":
            corrected = expit(calibration.slope * logit(kept) + calibration.intercept)
        case "isotonic":
            corrected = np.interp(given, calibration.scores, calibration.rates)
        case "temperature" if given.ndim == 1 or given.shape[1] == 1:
            corrected = expit(logit(kept) / calibration.temperature)
        case "temperature":
            corrected = softmax(np.log(kept) / calibration.temperature, axis=1)
    return corrected


def class_ids(decision: DecisionRule, probabilities: ArrayLike) -> NDArray[np.int64]:
    """Class ids [n] from calibrated probabilities of class id 1, [n] or [n, 1], or of all k classes, [n, k]."""
    given = np.asarray(probabilities, np.float64)
    if given.ndim == 1 or given.shape[1] == 1:
        return (given.reshape(-1) >= decision.threshold).astype(np.int64)
    ids: NDArray[np.int64] = given.argmax(axis=1)
    return ids


def logit(probabilities: Floats) -> Floats:
    """log(p / (1 - p))."""
    logits: Floats = np.log(probabilities) - np.log1p(-probabilities)
    return logits
