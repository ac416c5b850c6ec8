"""How the learning rate changes during training, as a function of the step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, model_validator

from pipeline.schedules import SCHEDULES
from pipeline.schemas.references import entry_of, stays_unresolved
from pipeline.schemas.section import Count, Fraction, Number, Section


class ScheduleConfig(Section):
    """A learning rate as a multiple of `optimizer.learning_rate`, which is its peak.

    Attributes:
        name: `constant`; `step`, times `factor` every `every_epochs`; `exponential`, times `factor` an epoch, evenly;
            `cosine` and `polynomial`, from 1 to `final` over all epochs; `one_cycle`, up from `start`, down to `final`;
            or `package.module:function`, see `pipeline/schedules`.
        warmup_epochs: epochs, or parts of one, over which the rate first rises linearly from nearly 0.
        factor: of `step` and `exponential`.
        every_epochs: of `step`.
        power: of `polynomial`; 1 is a straight line.
        rise: of `one_cycle`, the share of all steps in which the rate goes up.
        start: of `one_cycle`, the first rate.
        final: the last rate, of those that have one.
    """

    name: Annotated[str, entry_of(SCHEDULES)] = "constant"
    warmup_epochs: Annotated[Number, Field(ge=0.0)] = 0.0
    factor: Annotated[Number, Field(gt=0.0, le=1.0)] = 0.5
    every_epochs: Count = 10
    power: Annotated[Number, Field(gt=0.0)] = 1.0
    rise: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.3
    start: Annotated[Number, Field(gt=0.0, le=1.0)] = 0.04
    final: Fraction = 0.0

    @model_validator(mode="after")
    def _has_these_settings(self, info: ValidationInfo) -> ScheduleConfig:
        if stays_unresolved(self.name, info):
            return self
        schedule = SCHEDULES.resolve(self.name)
        settings = {"name", *schedule.options} | ({"warmup_epochs"} if schedule.warms_up else set())
        strange = [name for name in type(self).model_fields if name not in settings and self.has_changed(name)]
        if strange:
            raise ValueError(
                f"schedule '{self.name}' has no {', '.join(strange)}. Allowed: {', '.join(sorted(settings))}. "
                "Remove it, or take another schedule"
            )
        return self
