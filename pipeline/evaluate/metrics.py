"""Metrics over all rows at once, in float64, by scikit-learn.

Labels of a classification are class ids. Probabilities are [n] or [n, 1] for two classes, the probability of
id 1, and [n, k] for k classes. A metric that these rows do not define (R2 of a constant label, AUC with one
class only, anything of no rows) is None, never 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as sklearn_metrics

from pipeline.errors import TrainError

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

REGRESSION_METRICS = ("mae", "rmse", "r2", "median_absolute_error")
CLASSIFICATION_METRICS = ("accuracy", "log_loss", "auc")


def regression_metrics(label: ArrayLike, prediction: ArrayLike) -> dict[str, float | None]:
    """MAE, RMSE and median absolute error in the label's unit, and R2.

    Args:
        label: [n].
        prediction: [n] or [n, 1].

    Raises:
        TrainError: a prediction is not a finite number.
    """
    actual = np.asarray(label, dtype=np.float64).reshape(-1)
    predicted = _finite(prediction).reshape(-1)
    if not len(actual):
        return dict.fromkeys(REGRESSION_METRICS)
    return {
        "mae": float(sklearn_metrics.mean_absolute_error(actual, predicted)),
        "rmse": float(sklearn_metrics.root_mean_squared_error(actual, predicted)),
        "r2": _r2(actual, predicted),
        "median_absolute_error": float(sklearn_metrics.median_absolute_error(actual, predicted)),
    }


def classification_metrics(label: ArrayLike, probabilities: ArrayLike, classes: int) -> dict[str, float | None]:
    """Accuracy, log loss (natural logarithm) and area under the ROC curve.

    The AUC of several classes is the mean over the classes that occur, each against the rest.

    Args:
        label: [n] class ids.
        probabilities: [n], [n, 1] or [n, k].
        classes: how many there are, whether or not they occur in these rows.

    Raises:
        TrainError: a probability is not a finite number.
    """
    ids, table = _ids(label), probability_table(probabilities, classes)
    if not len(ids):
        return dict.fromkeys(CLASSIFICATION_METRICS)
    return {
        "accuracy": float(sklearn_metrics.accuracy_score(ids, table.argmax(axis=1))),
        "log_loss": float(sklearn_metrics.log_loss(ids, table, labels=range(classes))),
        "auc": _auc(ids, table),
    }


def confusion_counts(label: ArrayLike, probabilities: ArrayLike, classes: int) -> Ids:
    """Rows of each class (first axis) by the class that they were predicted as (second axis), [k, k]."""
    predicted = probability_table(probabilities, classes).argmax(axis=1)
    pairs = _ids(label) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def probability_table(probabilities: ArrayLike, classes: int) -> Floats:
    """Probabilities as [n, k] whose rows add up to 1 in float64.

    A float32 softmax adds up to 1 only within 1e-7, which scikit-learn takes for a mistake.
    """
    values = _finite(probabilities)
    if values.ndim == 1 or values.shape[1] == 1:
        positive = values.reshape(-1)
        return np.column_stack([1.0 - positive, positive])
    if values.shape[1] != classes:
        raise ValueError(f"{values.shape[1]} probabilities a row do not fit {classes} classes")
    table: Floats = values / values.sum(axis=1, keepdims=True)
    return table


def _r2(actual: Floats, predicted: Floats) -> float | None:
    if np.ptp(actual) == 0.0:
        return None
    return float(sklearn_metrics.r2_score(actual, predicted))


def _auc(ids: Ids, table: Floats) -> float | None:
    present = np.unique(ids)
    if len(present) < 2:
        return None
    if table.shape[1] == 2:
        return float(sklearn_metrics.roc_auc_score(ids, table[:, 1]))
    return float(np.mean([sklearn_metrics.roc_auc_score(ids == c, table[:, c]) for c in present]))


def _ids(label: ArrayLike) -> Ids:
    return np.asarray(label).reshape(-1).astype(np.int64)


def _finite(prediction: ArrayLike) -> Floats:
    values = np.asarray(prediction, dtype=np.float64)
    wrong = int((~np.isfinite(values)).reshape(len(values), max(1, values[:1].size)).any(axis=1).sum())
    if wrong:
        raise TrainError(
            f"{wrong:,} of {len(values):,} predictions are not finite numbers: the network diverged. "
            "Lower train.optimizer.learning_rate, or look for extreme values in the features."
        )
    return values
