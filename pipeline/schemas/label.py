"""The label: what is predicted, in which unit, and how the network sees it.

A regression label is kept in its own unit everywhere outside the network; inside, the network learns
`(g(y) - center) / scale`, where `g` is the identity, `log1p` or Yeo-Johnson's power transform.
A classification label is an id: the position of its class in `classes`. For two classes, id 1 is the positive one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from pipeline.schemas.document import Document
from pipeline.schemas.target import TARGETS, Target, TaskName


class LabelSpec(Document):
    """The label column after fitting.

    Attributes:
        name: the column in the source and in the store.
        task: the name of a target, such as regression, binary or multiclass.
        classes: the class names by id; empty for regression.
        transform: `none`, `standard` (center and scale), or one of `log` (log1p) and `power` (Yeo-Johnson), and then
            center and scale.
        power: lambda of Yeo-Johnson's transform.
        center: subtracted from `g(y)`.
        scale: divides `g(y) - center`; never 0.
        counts: training rows of each class, by id.
    """

    name: str
    task: TaskName
    classes: tuple[str, ...] = ()
    transform: Literal["none", "standard", "log", "power"] = "none"
    power: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    counts: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _classes_fit_the_task(self) -> LabelSpec:
        if len(self.classes) not in self.target.classes:
            raise ValueError(f"{len(self.classes)} classes do not fit a {self.task} label")
        return self

    @property
    def target(self) -> Target:
        """All that depends on the task."""
        return TARGETS.get(self.task)

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """Columns of what a model answers: `prediction` for a number; `label` and one `probability_CLASS` a class."""
        return self.target.prediction_columns(self)

    @property
    def outputs(self) -> int:
        """Width of the network's output: 1, or the number of classes of a multi-class label."""
        return self.target.outputs(self)
