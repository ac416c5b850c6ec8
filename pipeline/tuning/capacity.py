"""Capacity search: from a small network to one that is large enough, and then to the smallest that is as good.

All hidden layers of a network have the same width. The next networks follow from the trials so far and from nothing
else:

    start     the fewest layers of the least width
    grow      twice as wide, and one layer deeper; the better of the two is accepted if it beats the best so far by more
              than the tolerance; growth continues from there, until two steps in a row accept none
    shrink    from the network accepted last, three quarters as wide, and one layer less; the better of the two is
              accepted if it is worse than the best so far by the tolerance at most; until a step accepts none

The networks of one step do not depend on each other, and are tried in parallel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config.search import SearchConfig
from pipeline.config.search_space import HIDDEN, ParameterConfig
from pipeline.formatting import format_number
from pipeline.report.markdown import markdown_table
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.table import DIGITS, setting_text

GROW_MISSES = 2
"""Steps in a row without a better network that end growth: one may be chance."""

Hidden = tuple[int, ...]
"""Units of each hidden layer."""


@dataclass(frozen=True)
class Bounds:
    """The networks of the space.

    Attributes:
        depth: the least and the greatest number of layers.
        width: the least and the greatest number of units of a layer.
        step: the distance between widths, counted from the least one.
    """

    depth: tuple[int, int]
    width: tuple[int, int]
    step: int = 1

    @classmethod
    def of(cls, parameter: ParameterConfig) -> Bounds:
        """Those of `model.hidden` in the space of a search."""
        assert parameter.list is not None and parameter.of is not None and parameter.of.int is not None
        return cls(parameter.list, parameter.of.int, round(parameter.of.step or 1))

    @property
    def smallest(self) -> Hidden:
        """The network with which the search starts."""
        return (self.width[0],) * self.depth[0]

    def larger(self, hidden: Hidden) -> tuple[Hidden, ...]:
        """The wider and the deeper network, within the bounds."""
        wider = self._width(2.0 * hidden[0])
        return self._within((wider,) * len(hidden), (hidden[0],) * (len(hidden) + 1), hidden)

    def smaller(self, hidden: Hidden) -> tuple[Hidden, ...]:
        """The narrower and the shallower network, within the bounds."""
        narrower = self._width(0.75 * hidden[0])
        return self._within((narrower,) * len(hidden), hidden[1:], hidden)

    def _width(self, wished: float) -> int:
        """The greatest width up to `wished`, or the least."""
        least, greatest = self.width
        steps = int((min(wished, greatest) - least) // self.step)
        return least + max(steps, 0) * self.step

    def _within(self, *candidates: Hidden) -> tuple[Hidden, ...]:
        """All but the last, if their depth is allowed and they differ from it."""
        *others, hidden = candidates
        return tuple(one for one in others if one != hidden and self.depth[0] <= len(one) <= self.depth[1])


@dataclass(frozen=True)
class Step:
    """Networks that are tried in parallel.

    Attributes:
        kind: `start`, `grow` or `shrink`.
        tried: the networks.
        taken: the accepted one; None where none was good enough, or not all trials have ended yet.
    """

    kind: str
    tried: tuple[Hidden, ...]
    taken: Hidden | None = None


@dataclass(frozen=True)
class CapacityProgress:
    """The progress of a capacity search.

    Attributes:
        steps: the steps so far, the one in progress included.
        wanted: networks of the last step whose trials have not ended; empty where the search is over.
    """

    steps: tuple[Step, ...]
    wanted: tuple[Hidden, ...] = ()


def progress_of(losses: Mapping[Hidden, float], bounds: Bounds, tolerance: float = 0.0) -> CapacityProgress:
    """The progress of a search, replayed from its first trial.

    Args:
        losses: by network, of the trials that ended; less is better; infinity where one was pruned or failed.
        bounds: the networks of the space.
        tolerance: the difference up to which two losses count as equal.
    """
    steps: list[Step] = []
    start = bounds.smallest
    if start not in losses:
        return CapacityProgress((Step("start", (start,)),), (start,))
    steps.append(Step("start", (start,), start))
    taken, best = start, losses[start]
    for kind, neighbours, bar, misses in (
        ("grow", bounds.larger, -tolerance, GROW_MISSES), ("shrink", bounds.smaller, tolerance, 1)
    ):  # fmt: skip
        current, left = taken, misses
        while left and (candidates := neighbours(current)):
            if wanted := tuple(one for one in candidates if one not in losses):
                return CapacityProgress((*steps, Step(kind, candidates)), wanted)
            current = min(candidates, key=lambda one: (losses[one], sum(one)))
            if _is_good(losses[current], best + bar, strictly=kind == "grow"):
                taken, best, left = current, min(best, losses[current]), misses
                steps.append(Step(kind, candidates, taken))
            else:
                steps.append(Step(kind, candidates))
                left -= 1
    return CapacityProgress(tuple(steps))


def _is_good(loss: float, bound: float, *, strictly: bool) -> bool:
    return math.isfinite(loss) and (loss < bound or (loss == bound and not strictly))


def capacity_progress(records: Iterable[TrialRecord], config: SearchConfig) -> CapacityProgress:
    """The progress of a search with `sampler: capacity`, from its trials."""
    losses = losses_of(records, maximizes=config.maximizes)
    return progress_of(losses, Bounds.of(config.space[HIDDEN]), config.tolerance)


def losses_of(records: Iterable[TrialRecord], *, maximizes: bool) -> dict[Hidden, float]:
    """The losses of the trials that ended, by network."""
    ended = [record for record in records if record.state in ("finished", "pruned", "failed")]
    sign = -1.0 if maximizes else 1.0
    return {hidden_of(record): sign * record.reached if record.is_finished else math.inf for record in ended}


def hidden_of(record: TrialRecord) -> Hidden:
    """The network of a trial."""
    return tuple(record.settings[HIDDEN])


def params_of(hidden: Hidden) -> dict[str, Any]:
    """The parameters of a trial with a given network, as `space.py` names them."""
    return {f"{HIDDEN}.length": len(hidden), **{f"{HIDDEN}.{index}": units for index, units in enumerate(hidden)}}


def steps_table(progress: CapacityProgress, records: Sequence[TrialRecord], metric: str) -> str:
    """The steps in Markdown, one line per network."""
    trials = {hidden_of(record): record for record in records if record.settings}
    head, lines = ["step", "kind", "hidden", "trial", "weights", metric, "taken"], []
    for index, step in enumerate(progress.steps):
        for hidden in step.tried:
            trial = trials.get(hidden)
            if trial is None:
                continue
            weights = "" if trial.parameters is None else f"{trial.parameters:,}"
            reached = format_number(trial.reached, DIGITS) if trial.is_finished else trial.state
            taken = "yes" if hidden == step.taken else ""
            lines.append([str(index), step.kind, setting_text(hidden), str(trial.number), weights, reached, taken])
    return markdown_table(head, lines, numbers=False)
