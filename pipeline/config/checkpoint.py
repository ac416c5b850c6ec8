"""How often a training run is checkpointed, and whether an interrupted one is resumed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.schemas.section import Count, Number, Section


class CheckpointConfig(Section):
    """Checkpoints of a training run; they are deleted when its model is published.

    Attributes:
        every_seconds: seconds between checkpoints; None leaves it to `every_steps`.
        every_steps: steps between checkpoints, rounded up to whole blocks of `steps_per_execution`; with
            `every_seconds`, a checkpoint is written whenever one of the two is due.
        resume: `auto` resumes an interrupted run of the same name, `never` deletes its checkpoints and starts anew.
        allow_changes: resume even if settings, data or the number of workers differ from those of the checkpoint.
    """

    every_seconds: Annotated[Number, Field(gt=0.0)] | None = 60.0
    every_steps: Count | None = None
    resume: Literal["auto", "never"] = "auto"
    allow_changes: bool = False
