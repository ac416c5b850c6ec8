"""The accumulator of a model's predictions: what an evaluation keeps of rows, whatever their number.

Accumulators of parts of the rows are merged. The metrics do not depend on how rows were divided into parts, up to the
rounding of sums; merged in the same order, they are equal to the bit. Every row counts once: weights are for training.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import TrainError
from pipeline.evaluation.bootstrap_groups import GROUPS
from pipeline.evaluation.class_accumulator import ClassAccumulator, merge_class_accumulators
from pipeline.evaluation.extreme_rows import ExtremeRows
from pipeline.evaluation.plot_window import PlotWindow, plot_window_of
from pipeline.evaluation.regression_accumulator import RegressionAccumulator, merge_regression_accumulators
from pipeline.evaluation.sketch import Sketch
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Accumulator = RegressionAccumulator | ClassAccumulator

KINDS: Mapping[str, type[RegressionAccumulator] | type[ClassAccumulator]] = {
    "RegressionTally": RegressionAccumulator,
    "ClassTally": ClassAccumulator,
}
"""Classes of accumulators by their names in files."""
FIELDS = {"extreme_rows": "ends"}
"""Names in files of the fields that are called otherwise here."""

LARGE = 1 << 12
"""Size from which on an array is searched for zeros before it is written."""
INDICES, VALUES, SHAPE = "@places", "@values", "@shape"


@dataclass(frozen=True)
class AccumulatorSpec:
    """What an accumulator counts.

    Attributes:
        label: the fitted label.
        decision: how calibrated probabilities become classes.
        window: bins of the plots of a regression.
        groups: number of bootstrap groups of rows, for intervals; 1 for none.
    """

    label: LabelSpec
    decision: DecisionRule
    window: PlotWindow
    groups: int = GROUPS

    @classmethod
    def of(cls, label: LabelSpec, *, decision: DecisionRule | None = None, groups: int = GROUPS) -> AccumulatorSpec:
        """A spec whose window fits no particular rows."""
        return cls(label, decision or DecisionRule(), plot_window_of(np.empty(0)), groups)

    def accumulate(
        self, row_id: Ints, label: ArrayLike, prediction: ArrayLike, group: Ints | None = None
    ) -> Accumulator:
        """Accumulate n rows.

        Args:
            row_id: hashes of the rows, [n].
            label: labels in their own unit, or class ids, [n].
            prediction: regression [n] or [n, 1] in the label's unit; binary [n] or [n, 1], the calibrated probability
                of class id 1; several classes [n, k], calibrated.
            group: the bootstrap group of each row, [n]; None puts all rows into the first one.

        Raises:
            TrainError: a prediction is not a finite number.
        """
        actual = np.asarray(label, np.float64).reshape(-1)
        dealt = np.zeros(len(actual), np.int64) if group is None else group
        accumulator: Accumulator = self.label.target.accumulate(self, row_id, actual, prediction, dealt)
        return accumulator

    def empty(self) -> Accumulator:
        """The accumulator of no rows."""
        width = len(self.label.classes)
        prediction = np.empty((0, width) if width > 2 else 0)
        return self.accumulate(np.empty(0, np.int64), np.empty(0), prediction)


def merge_accumulators(parts: Sequence[Accumulator]) -> Accumulator:
    """The accumulator of all rows together, of at least one part; all parts have one spec."""
    if isinstance(parts[0], RegressionAccumulator):
        return merge_regression_accumulators(cast(Sequence[RegressionAccumulator], parts))
    return merge_class_accumulators(cast(Sequence[ClassAccumulator], parts))


def probability_table(probabilities: ArrayLike, classes: int) -> Floats:
    """Probabilities as [n, k] whose rows add up to 1 in float64.

    A float32 softmax adds up to 1 only within 1e-7, which scikit-learn takes for a mistake.

    Raises:
        TrainError: a probability is not a finite number.
    """
    values = finite(probabilities)
    if values.ndim == 1 or values.shape[1] == 1:
        positive = values.reshape(-1)
        return np.column_stack([1.0 - positive, positive])
    if values.shape[1] != classes:
        raise ValueError(f"{values.shape[1]} probabilities a row do not fit {classes} classes")
    table: Floats = values / values.sum(axis=1, keepdims=True)
    return table


def accumulator_to_bytes(accumulator: Accumulator) -> bytes:
    """The accumulator as numpy's arrays, without pickle; arrays that are mostly 0 are stored sparsely."""
    kind = next(name for name, kind in KINDS.items() if isinstance(accumulator, kind))
    arrays: dict[str, NDArray[Any]] = {"kind": np.array(kind)}
    for field in fields(accumulator):
        arrays |= _flat(FIELDS.get(field.name, field.name), getattr(accumulator, field.name))
    buffer = io.BytesIO()
    parts: dict[str, Any] = {key: part for name, array in arrays.items() for key, part in _sparse(name, array).items()}
    np.savez(buffer, **parts)
    return buffer.getvalue()


def accumulator_from_bytes(content: bytes) -> Accumulator:
    """The inverse of `accumulator_to_bytes`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays = _dense({name: stored[name] for name in stored.files})
    kind = KINDS[str(arrays["kind"])]
    return kind(**{field.name: _rebuilt(FIELDS.get(field.name, field.name), arrays) for field in fields(kind)})


def _sparse(name: str, array: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if array.size < LARGE or 4 * (used := np.flatnonzero(array)).size > array.size:
        return {name: array}
    return {
        f"{name}{INDICES}": used,
        f"{name}{VALUES}": array.reshape(-1)[used],
        f"{name}{SHAPE}": np.array(array.shape),
    }


def _dense(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    dense = {name: array for name, array in arrays.items() if not name.endswith((INDICES, VALUES, SHAPE))}
    for name in (key.removesuffix(SHAPE) for key in arrays if key.endswith(SHAPE)):
        values = arrays[f"{name}{VALUES}"]
        dense[name] = np.zeros(arrays[f"{name}{SHAPE}"], values.dtype)
        dense[name].reshape(-1)[arrays[f"{name}{INDICES}"]] = values
    return dense


def _flat(name: str, value: Any) -> dict[str, NDArray[Any]]:
    if isinstance(value, Sketch):
        size = np.array([value.shift, value.limit])
        return {f"{name}.keys": value.keys, f"{name}.counts": value.counts, f"{name}.size": size}
    if isinstance(value, ExtremeRows):
        return {f"{name}.row_id": value.row_id, f"{name}.facts": value.facts}
    if isinstance(value, tuple):
        parts = [_flat(f"{name}.{number}", part) for number, part in enumerate(value)]
        return {key: array for part in parts for key, array in part.items()}
    return {name: value}


def _rebuilt(name: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if name in arrays:
        return arrays[name]
    if f"{name}.row_id" in arrays:
        return ExtremeRows(arrays[f"{name}.row_id"], arrays[f"{name}.facts"])
    if f"{name}.keys" in arrays:
        shift, limit = arrays[f"{name}.size"].tolist()
        return Sketch(arrays[f"{name}.keys"], arrays[f"{name}.counts"], shift, limit)
    parts: list[Any] = []
    while f"{name}.{len(parts)}.keys" in arrays:
        parts.append(_rebuilt(f"{name}.{len(parts)}", arrays))
    return tuple(parts)


def finite(prediction: ArrayLike) -> Floats:
    """Predictions as float64, in the same shape.

    Raises:
        TrainError: one is not a finite number.
    """
    values = np.asarray(prediction, dtype=np.float64)
    if np.isfinite(values).all():
        return values
    wrong = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
    raise TrainError(
        f"{wrong:,} of {len(values):,} predictions are not finite numbers: the network diverged. "
        "Lower train.optimizer.learning_rate, or look for extreme values in the features."
    )
