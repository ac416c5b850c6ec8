"""How the ranks of a training are launched and looked after."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.schemas.section import Integer, Number, Section

Seconds = Annotated[Number, Field(ge=1.0)]


class LaunchConfig(Section):
    """Settings of `train` that change nothing about its result.

    Attributes:
        start_seconds: within which all ranks must have joined each other, counted from the first one's start; waiting
            for free task slots does not count.
        stall_seconds: without progress of a rank, after which the training is broken off and the rank named. A block of
            `steps_per_execution` steps, a pass over the validation rows and the saving of a model must take less.
        max_restarts: how often a training with several workers is launched again after one of its processes was killed
            or stood still. Errors of the configuration, the data or the training itself are not tried again.
    """

    start_seconds: Seconds = 180.0
    stall_seconds: Seconds = 600.0
    max_restarts: Annotated[Integer, Field(ge=0, le=100)] = 0
