"""What of a training is kept while it runs, so that an interrupted one goes on where it was."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.schemas.section import Count, Number, Section


class CheckpointConfig(Section):
    """Checkpoints of a training; they go when its model is published.

    Attributes:
        every_seconds: how often one is written; None leaves it to `every_steps`.
        every_steps: also after so many steps, at the end of the next block of `steps_per_execution`.
        resume: `auto` goes on with an interrupted training of the same name, `never` deletes it and begins anew.
        allow_changes: go on also where settings, data or the number of workers are no longer those of the checkpoint.
    """

    every_seconds: Annotated[Number, Field(gt=0.0)] | None = 60.0
    every_steps: Count | None = None
    resume: Literal["auto", "never"] = "auto"
    allow_changes: bool = False
