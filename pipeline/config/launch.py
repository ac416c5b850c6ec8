"""How the ranks of a training run are launched and supervised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.schemas.section import LATER, Integer, Number, Section

Seconds = Annotated[Number, Field(ge=1.0)]


class LaunchConfig(Section):
    """Settings of `train` that change nothing about its result.

    Attributes:
        start_seconds: seconds from the start of the first rank until all have joined; waiting for free task slots does
            not count.
        stall_seconds: seconds without progress of a rank after which the run fails and names that rank. A block of
            `steps_per_execution` steps, a pass over the validation rows and the saving of a model must take less.
        max_restarts: how often a run with several workers is launched again after one of its processes was killed or
            stalled. Errors of the configuration, the data or the training itself are not retried.
        exchange: how ranks exchange tensors. `auto` uses shared memory within a host and Horovod between hosts;
            `horovod` always uses Horovod. With three or more ranks, the two round sums differently; a resumed run keeps
            the order of summation of its checkpoint.
    """

    start_seconds: Seconds = 180.0
    stall_seconds: Seconds = 600.0
    max_restarts: Annotated[Integer, Field(ge=0, le=100)] = 0
    exchange: Annotated[Literal["auto", "horovod"], LATER] = "auto"
