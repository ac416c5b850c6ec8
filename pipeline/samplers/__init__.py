"""Samplers: how a search chooses its next trial, one entry each.

A module of this package holds entries of `Sampler`; `search.sampler` names one, or a subclass of
`optuna.samplers.BaseSampler` of the user's own that takes a `seed`, as `package.module:Class`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.registry import Registry


@dataclass(frozen=True)
class Sampler:
    """A sampler.

    Attributes:
        name: the value of `search.sampler`.
        summary: what it does, for the documentation.
        build: from a `SearchConfig` and a seed to Optuna's sampler.
        takes_several_goals: whether a search with `further_goals` may use it.
        is_queued: whether the search itself queues the trials, and Optuna only stores them.
    """

    name: str
    summary: str
    build: Callable[[Any, int], Any]
    takes_several_goals: bool = False
    is_queued: bool = False


def _adapted(reference: str, value: Any) -> Sampler:
    if not isinstance(value, type):
        raise TypeError(f"allowed is a subclass of optuna.samplers.BaseSampler. Received: {type(value).__name__}")
    return Sampler(reference, (value.__doc__ or reference).partition("\n")[0], lambda config, seed: value(seed=seed))


SAMPLERS = Registry("sampler", __name__, Sampler, adapt=_adapted)


def samplers_of_several_goals() -> tuple[str, ...]:
    """Names of those that a search with `further_goals` may use."""
    return tuple(name for name, sampler in SAMPLERS.entries.items() if sampler.takes_several_goals)
