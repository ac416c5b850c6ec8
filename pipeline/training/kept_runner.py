"""The step runner of the last training run of this process, which the next one takes over if it would compile the same.

The folds of a classification and trials with different learning rates train one after the other in Spark's Python
workers. To build optimizer and metrics, to trace the steps and to run them for the first time takes longer than many a
hundred of their steps. A run that takes them over still builds its own network, whose initial weights it copies: so its
weights are to the bit what they would be in a new process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy.typing as npt

from pipeline.schemas.document import fingerprint
from pipeline.store.store import Store
from pipeline.training.job import RankJob
from pipeline.training.rank_setup import assemble_runner, build_network_of
from pipeline.training.schedule import build_schedule
from pipeline.training.step_runner import StepRunner
from pipeline.training.world import World

MOST_BYTES = 64 << 20
"""The largest state of a runner that is kept: larger networks take longer steps, of which tracing is a smaller part."""


@dataclass(frozen=True)
class RunnerLease:
    """A runner for one training run.

    Attributes:
        runner: the runner, before its first step.
        recipe: a hash of everything that its steps are compiled from; None if it is for this run only.
        fresh: its state before the first step.
    """

    runner: StepRunner
    recipe: str | None
    fresh: Mapping[str, npt.NDArray[Any]]

    def keep(self) -> None:
        """Leave the runner to the next training run, once this one needs it no longer."""
        if self.recipe is not None and sum(array.nbytes for array in self.fresh.values()) <= MOST_BYTES:
            _last[:] = [self]


_last: list[RunnerLease] = []
"""At most one. A process runs one training run at a time."""


def lease_runner(job: RankJob, store: Store, world: World, steps: int, *, rate: float) -> RunnerLease:
    """A runner before its first step: the kept one, or a new one.

    Args:
        job: the settings.
        store: the store to train on.
        world: the ranks.
        steps: the number of steps of an epoch.
        rate: the learning rate.
    """
    kept = _last.pop() if _last else None
    network = build_network_of(job, store)
    recipe = _recipe(job, store, network, world)
    if kept is not None and recipe is not None and kept.recipe == recipe:
        kept.runner.restart(network, kept.fresh, rate)
        return kept
    kept = None  # its memory is needed
    runner = assemble_runner(job, store, world, network, steps, rate)
    return RunnerLease(runner, recipe, {} if recipe is None else runner.state())


def _recipe(job: RankJob, store: Store, network: keras.Model, world: World) -> str | None:
    """See `RunnerLease`. Code of the user's own may keep a state that nobody knows of, and so is used once."""
    train, model = job.train.model_dump(mode="json"), job.model.model_dump(mode="json")
    rate_is_compiled = build_schedule(job.train.schedule, peak=1.0, epoch_steps=1, epochs=1) is not None
    if world.size > 1 or job.saves or job.train.callbacks or rate_is_compiled or _names_code([train, model]):
        return None
    del train["optimizer"]["learning_rate"]
    label = store.features.label.model_dump(mode="json", exclude={"counts"})
    try:
        return fingerprint([network.to_json(), train, label])
    except (NotImplementedError, TypeError, ValueError):  # a layer that cannot be saved
        return None


def _names_code(content: Any) -> bool:
    """Whether a setting is `package.module:name`."""
    if isinstance(content, Mapping):
        return _names_code(list(content.values()))
    if isinstance(content, list):
        return any(map(_names_code, content))
    return isinstance(content, str) and ":" in content
