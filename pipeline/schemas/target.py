"""What a label asks of every part of the pipeline, in one class a task: see the modules of `pipeline/targets`.

Nothing else looks at the name of a task. `LabelSpec.target` gives the object, and this class says what it is asked.
Spark's tasks ask for `has_classes` alone, and ranks of the rest: pyspark, TensorFlow and scikit-learn are imported
within methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator

from pipeline.losses import RowLoss
from pipeline.registry import Registry
from pipeline.schemas.store_schema import StoreType

if TYPE_CHECKING:
    from pipeline.schemas.decision import DecisionRule
    from pipeline.schemas.label import LabelSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Target(ABC):
    """A task: what its labels are, what a network's output means for them, and how the answers are judged.

    Attributes:
        name: of the task, as `data.task` says it.
        heading: what a report calls a model of it; `{classes}` stands for the number of classes.
        classes: how many classes a label may have; `range(1)` where it is a number.
        has_positive: whether one of the classes is the positive one, which has a threshold.
        loss: the loss that `train.loss: auto` means.
        calibrations: of `evaluate.calibration`, those that its predictions can have.
        training_metrics: of `train.metrics`, where none are asked for.
        headlines: metrics that a reader wants first; the first of all decides, and lower values of it are better.
        second: the metric that is asked for a second opinion.
        slice_metrics: of parts of the rows.
        sections: of a report, those of this task: `errors`, `classes`, `probabilities`, in order.
        constant: name of the baseline that always predicts the same.
    """

    name: ClassVar[str]
    heading: ClassVar[str]
    classes: ClassVar[range] = range(1)
    has_positive: ClassVar[bool] = False
    loss: ClassVar[str]
    calibrations: ClassVar[tuple[str, ...]] = ("none",)
    training_metrics: ClassVar[tuple[str, ...]]
    headlines: ClassVar[tuple[str, ...]]
    second: ClassVar[str]
    slice_metrics: ClassVar[tuple[str, ...]]
    sections: ClassVar[tuple[str, ...]]
    constant: ClassVar[str]

    @property
    def has_classes(self) -> bool:
        """Whether a label is the id of a class (int32 in a store), and else a number in its own unit (float64)."""
        return self.classes.stop > 1

    @property
    def label_type(self) -> StoreType:
        """Of labels in a store."""
        return "int32" if self.has_classes else "float64"

    @property
    def main_metric(self) -> str:
        """The metric that decides."""
        return self.headlines[0]

    @abstractmethod
    def outputs(self, label: LabelSpec) -> int:
        """Width k of the network's output z, [b, k]."""

    @abstractmethod
    def prediction_columns(self, label: LabelSpec) -> tuple[str, ...]:
        """Columns of a scored table, in order: texts first, then numbers."""

    @abstractmethod
    def row_loss(self, label: LabelSpec, loss: RowLoss) -> RowLoss:
        """The loss of labels as a store has them, [b], in TensorFlow's operations."""

    @abstractmethod
    def prediction(self, label: LabelSpec) -> Callable[[Any], Any]:
        """From z, float32 [b, k], to predictions in TensorFlow's operations: numbers in the label's unit, float32 [b],
        or probabilities, float64, [b] of class id 1 or [b, k] of all classes.

        Metrics of training get them in this type, and labels as float32.
        """

    @abstractmethod
    def serving_outputs(self, z: Any, label: LabelSpec, decision: DecisionRule, *, prefix: str) -> dict[str, Any]:
        """The outputs of the served model, by name; names of layers begin with `prefix`."""

    @abstractmethod
    def accumulate(self, spec: Any, row_id: Ints, label: Floats, prediction: ArrayLike, group: Ints) -> Any:
        """What an evaluation keeps of n rows, a `RegressionAccumulator` or a `ClassAccumulator`.

        Args:
            spec: what is counted, an `AccumulatorSpec`.
            row_id: [n].
            label: [n], as a store has them.
            prediction: finite or not, [n] or [n, k], calibrated.
            group: [n], for intervals.

        Raises:
            TrainError: a prediction is not a finite number.
        """

    @abstractmethod
    def linear_model(self) -> Any:
        """The unfitted scikit-learn estimator of the linear baseline."""

    @abstractmethod
    def linear_prediction(self, scores: Floats) -> Floats:
        """Predictions of the linear baseline, of its scores [n, k]."""

    def constant_loss(self, label: LabelSpec, loss: str) -> float | None:
        """The training loss of the best constant prediction; None where it does not follow from the fitted label."""
        return None


AUTO = "auto"
"""Of `data.task`: the label's values decide."""

TARGETS = Registry("task", "pipeline.targets", Target)  # type: ignore[type-abstract]


def may_have_classes(task: str) -> bool:
    """Whether a label has classes, or may turn out to have some, by `data.task`."""
    return task == AUTO or TARGETS.resolve(task).has_classes


TaskName = Annotated[str, AfterValidator(TARGETS.check)]
"""Of a registered target, or of the user's own: `package.module:name`."""
