"""A linear model on the same features, which shows what the network adds."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from pipeline.schemas.label import LabelSpec
from pipeline.schemas.target import TARGETS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """Features as a store holds them.

    Attributes:
        numeric: float32 [n, a]; a may be 0.
        ids: int32 [n, c], with a column for each slot of a multi-valued feature; c may be 0.
        sizes: number of different ids in each column of `ids`, [c].
    """

    numeric: NDArray[np.float32]
    ids: NDArray[np.int32]
    sizes: Sequence[int]


@dataclass(frozen=True)
class LinearBaseline:
    """A fitted linear model, as plain numbers.

    Attributes:
        task: task of the label, whose target defines what scores mean.
        mean: means of the numeric columns, [a].
        deviation: standard deviations of the numeric columns, [a], never 0.
        coefficients: those of numeric and one-hot columns, [w, a + sum(sizes)]; w is 1, or k for several classes.
        intercept: intercepts, [w]; minus infinity for classes without training rows.
    """

    task: str
    mean: Floats
    deviation: Floats
    coefficients: Floats
    intercept: Floats

    def predict(self, inputs: Inputs) -> Floats:
        """Predictions: numbers [n] in the label's unit, probabilities of class id 1 [n], or of all classes [n, k]."""
        return TARGETS.get(self.task).linear_prediction(self._scores(inputs))

    def _scores(self, inputs: Inputs) -> Floats:
        """Scores [n, w]. Coefficients of ids are looked up, much faster than multiplying one-hot columns."""
        width = inputs.numeric.shape[1]
        scores = ((inputs.numeric - self.mean) / self.deviation) @ self.coefficients[:, :width].T + self.intercept
        starts = width + np.cumsum([0, *inputs.sizes])
        for column, start in zip(inputs.ids.T, starts, strict=False):
            scores += self.coefficients[:, start + column].T
        return np.asarray(scores)

    def to_bytes(self) -> bytes:
        """The model as numpy's arrays, without pickle."""
        buffer = io.BytesIO()
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(buffer, **arrays | {"task": np.array(self.task)})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> LinearBaseline:
        """The inverse of `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files if name != "task"}
            return cls(str(stored["task"]), **arrays)


def fit_baseline(spec: LabelSpec, inputs: Inputs, label: NDArray[Any]) -> LinearBaseline:
    """Fit the linear model of the label's target: ridge regression, or logistic regression for classes.

    Args:
        spec: the fitted label.
        inputs: features of training rows, whose number the caller bounds.
        label: labels in their own unit, or class ids, [n].
    """
    mean = inputs.numeric.mean(axis=0, dtype=np.float64)
    deviation = inputs.numeric.std(axis=0, dtype=np.float64)
    deviation[deviation == 0.0] = 1.0
    rows = _design(inputs, mean, deviation)
    present = np.unique(label) if spec.classes else np.empty(0)
    if len(present) == 1:
        return LinearBaseline(spec.task, mean, deviation, *_one_class(spec, int(present[0]), rows.shape[1]))
    model = spec.target.linear_model()
    with warnings.catch_warnings():
        # A baseline that did not quite converge still serves.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, label)
    coefficients, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if spec.outputs > 1:
        coefficients, intercept = _of_all_classes(spec, present.astype(np.int64), coefficients, intercept)
    return LinearBaseline(spec.task, mean, deviation, coefficients, intercept)


def _one_class(spec: LabelSpec, only: int, width: int) -> tuple[Floats, Floats]:
    if spec.outputs == 1:
        return np.zeros((1, width)), np.array([np.inf if only else -np.inf])
    intercept = np.full(len(spec.classes), -np.inf)
    intercept[only] = 0.0
    return np.zeros((len(spec.classes), width)), intercept


def _of_all_classes(
    spec: LabelSpec, present: NDArray[np.int64], slopes: Floats, offsets: Floats
) -> tuple[Floats, Floats]:
    """Coefficients and intercepts of every class; scikit-learn fits one line for the only two classes that occur."""
    coefficients = np.zeros((len(spec.classes), slopes.shape[1]))
    intercept = np.full(len(spec.classes), -np.inf)
    if len(present) == 2:
        slopes, offsets = np.vstack([np.zeros_like(slopes), slopes]), np.array([0.0, offsets[0]])
    coefficients[present], intercept[present] = slopes, offsets
    return coefficients, intercept


def _design(inputs: Inputs, mean: Floats, deviation: Floats) -> sparse.csr_matrix:
    """Scaled numeric columns and one-hot columns as a sparse matrix: [n, a + sum(sizes)]."""
    scaled = sparse.csr_matrix((inputs.numeric - mean) / deviation)
    return sparse.hstack([scaled, _one_hot(inputs)], format="csr")


def _one_hot(inputs: Inputs) -> sparse.csr_matrix:
    rows, columns = inputs.ids.shape
    starts = np.concatenate([[0], np.cumsum(inputs.sizes)]).astype(np.int64)
    indices = (inputs.ids + starts[:-1]).reshape(-1)
    bounds = np.arange(rows + 1) * columns
    return sparse.csr_matrix((np.ones(rows * columns), indices, bounds), shape=(rows, int(starts[-1])))
