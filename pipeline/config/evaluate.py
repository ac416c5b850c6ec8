"""What is measured on the test split, and the decision rule that is fitted on the validation split before."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline.metrics import METRICS
from pipeline.schemas.references import entry_of
from pipeline.schemas.section import LATER, Fraction, Integer, Number, OneOrMore, Section

NUMBERS_OF_GOALS = {"f1": (), "recall": ("at_least",), "cost": ("false_positive", "false_negative")}


class ThresholdConfig(Section):
    """The probability from which on a row is assigned to the second of two classes, class id 1.

    A number stands for `at`, a text for `goal`.

    Attributes:
        at: the probability itself, without a goal.
        goal: what the threshold optimizes on validation rows: `f1` the F1 score; `recall` the precision, among
            thresholds with a recall of `at_least`; `cost` the total cost of errors.
        at_least: the least recall of class id 1.
        false_positive: cost of a row of class id 0 that is assigned to class id 1.
        false_negative: cost of a row of class id 1 that is assigned to class id 0.
    """

    at: Fraction = 0.5
    goal: Literal["f1", "recall", "cost"] | None = None
    at_least: Annotated[Number, Field(gt=0.0, le=1.0)] | None = None
    false_positive: Annotated[Number, Field(gt=0.0)] | None = None
    false_negative: Annotated[Number, Field(gt=0.0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"goal": value}
        return value if isinstance(value, (dict, ThresholdConfig)) else {"at": value}

    @model_validator(mode="after")
    def _goal_has_its_numbers(self) -> ThresholdConfig:
        wanted = NUMBERS_OF_GOALS[self.goal] if self.goal else ()
        given = tuple(name for name in ("at_least", "false_positive", "false_negative") if getattr(self, name))
        if given != wanted:
            what = f"goal {self.goal}" if self.goal else "a threshold without a goal"
            raise ValueError(
                f"{what} takes {' and '.join(wanted) or 'no further number'}. Received: {', '.join(given) or 'none'}"
            )
        if self.goal and self.has_changed("at"):
            raise ValueError(f"goal {self.goal} finds the threshold itself. Remove at: {self.at:g}")
        return self


class EvaluateConfig(Section):
    """What is measured on the test split, and the decision rule that is fitted on validation rows after training.

    Attributes:
        calibration: of the probabilities: `platt` and `isotonic` (two classes), or `temperature` (any number).
        threshold: of the second of two classes; a number, or a goal.
        baseline: a simple model that is evaluated on the same rows, for comparison.
        baseline_rows: the most training rows that it is fitted on.
        slices: columns of the source or SQL expressions of them; all metrics are reported for each of their values.
        importance_rows: the most rows that the importance of columns is measured on; 0 leaves it out.
        metrics: of the user's own, beside those that are always measured, which may be named too:
            `package.module:name` of a `Metric` with `reduce`, see `pipeline/metrics`.
    """

    calibration: Literal["none", "platt", "isotonic", "temperature"] = "none"
    threshold: ThresholdConfig = ThresholdConfig()
    baseline: Literal["linear", "none"] = "linear"
    baseline_rows: Annotated[Integer, Field(ge=10)] = 100_000
    slices: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=50)] = ()
    importance_rows: Annotated[Integer, Field(ge=0)] = 10_000
    metrics: Annotated[tuple[Annotated[str, entry_of(METRICS)], ...], OneOrMore, LATER] = ()
