"""A linear model on the same features, so that a reader sees what the network adds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from pipeline.contract.label import LabelSpec, Task

ITERATIONS = 200
PENALTY = 1.0
"""Ridge's; it keeps one-hot columns, which add up to the intercept, solvable and is otherwise too small to matter."""


@dataclass(frozen=True)
class Inputs:
    """Features as a store holds them.

    Attributes:
        numeric: float32 [n, a]; a may be 0.
        ids: int32 [n, c], ids, a column for each slot of a multi-valued feature; c may be 0.
        sizes: number of ids of each column of ids, c numbers.
    """

    numeric: NDArray[np.float32]
    ids: NDArray[np.int32]
    sizes: Sequence[int]


@dataclass(frozen=True)
class LinearBaseline:
    """A fitted linear model.

    Attributes:
        spec: the label.
        mean: [a], of the numeric columns.
        deviation: [a], never 0.
        model: scikit-learn's.
    """

    spec: LabelSpec
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    model: Any

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Regression [n] in the label's unit; binary [n], the probability of class 1; multiclass [n, k]."""
        rows = _design(inputs, self.mean, self.deviation)
        if self.spec.task is Task.REGRESSION:
            return np.asarray(self.model.predict(rows), dtype=np.float64)
        table = np.zeros((rows.shape[0], len(self.spec.classes)))
        table[:, self.model.classes_] = self.model.predict_proba(rows)
        return table[:, 1] if self.spec.task is Task.BINARY else table


def fit_baseline(spec: LabelSpec, inputs: Inputs, label: NDArray[Any]) -> LinearBaseline:
    """Fit ridge regression, or logistic regression for classes.

    Args:
        spec: the label.
        inputs: training rows; the caller bounds their number.
        label: [n], in the label's own unit, or class ids.
    """
    mean = inputs.numeric.mean(axis=0, dtype=np.float64)
    deviation = inputs.numeric.std(axis=0, dtype=np.float64)
    deviation[deviation == 0.0] = 1.0
    model = _estimator(spec, label)
    with warnings.catch_warnings():
        # A baseline that stops a little early is still a baseline.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_design(inputs, mean, deviation), label)
    return LinearBaseline(spec, mean, deviation, model)


def _estimator(spec: LabelSpec, label: NDArray[Any]) -> Any:
    if spec.task is Task.REGRESSION:
        return Ridge(alpha=PENALTY, solver="sparse_cg", tol=1e-6)
    if len(np.unique(label)) == 1:
        return DummyClassifier()
    return LogisticRegression(max_iter=ITERATIONS)


def _design(inputs: Inputs, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> sparse.csr_matrix:
    """Scaled numeric columns beside one-hot ones, sparse: [n, a + sum(sizes)]."""
    scaled = sparse.csr_matrix((inputs.numeric - mean) / deviation)
    return sparse.hstack([scaled, _one_hot(inputs)], format="csr")


def _one_hot(inputs: Inputs) -> sparse.csr_matrix:
    rows, columns = inputs.ids.shape
    starts = np.concatenate([[0], np.cumsum(inputs.sizes)]).astype(np.int64)
    places = (inputs.ids + starts[:-1]).reshape(-1)
    bounds = np.arange(rows + 1) * columns
    return sparse.csr_matrix((np.ones(rows * columns), places, bounds), shape=(rows, int(starts[-1])))
