"""What ranks do in tests of going on: train a job, and tell the weights or the error."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError
from pipeline.training.job import RankJob
from pipeline.training.rank import train_rank
from pipeline.training.world import World


def attempt_each(world: World, folder: Path) -> dict[str, np.ndarray]:
    """Train the jobs in `folder`, one after the other; the weights of each, by its file's name."""
    jobs = sorted(folder.glob("*-job.json"))
    return {job.stem: np.array(train_rank(RankJob.from_json(job.read_text(), job.name), world).weights) for job in jobs}


def attempt(world: World, folder: Path) -> dict[str, np.ndarray]:
    """Train the job in `folder`."""
    job = RankJob.from_json((folder / "job.json").read_text(), "the job")
    try:
        result = train_rank(job, world)
    except PipelineError as error:
        return {"error": np.array(f"{type(error).__name__}: {error}")}
    return {
        "weights": np.array(result.weights),
        "resumed": np.array(str(result.resumed)),
        "exchange": np.array(result.exchange),
    }
