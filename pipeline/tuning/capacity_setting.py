"""The setting that a capacity search varies, and the values that it may take.

A network is described by the units of its hidden layers, such as (64, 64). The setting is a list of them, like
`model.hidden`, or a single number of units, which is a network of one layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.config.search import SearchConfig
from pipeline.config.search_space import ParameterConfig
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.table import setting_name

Hidden = tuple[int, ...]
"""Units of each hidden layer."""


@dataclass(frozen=True)
class Bounds:
    """The networks of the space. All layers of a network have the same width.

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
        """The bounds of a list of whole numbers, or of a single one."""
        units = parameter if parameter.of is None else parameter.of
        assert units.int is not None
        return cls(parameter.list or (1, 1), units.int, round(units.step or 1))

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
class CapacitySetting:
    """The only setting in the space of a search with `sampler: capacity`.

    Attributes:
        name: its dotted name, such as `model.hidden`.
        parameter: its values.
    """

    name: str
    parameter: ParameterConfig

    @classmethod
    def of(cls, config: SearchConfig) -> CapacitySetting:
        """The setting of a search."""
        ((name, parameter),) = config.space.items()
        return cls(name, parameter)

    @property
    def title(self) -> str:
        """Its short name, such as `hidden`."""
        return setting_name(self.name)

    @property
    def bounds(self) -> Bounds:
        """The networks of the space."""
        return Bounds.of(self.parameter)

    def hidden_of(self, record: TrialRecord) -> Hidden:
        """The network of a trial."""
        value = record.settings[self.name]
        return tuple(value) if self.parameter.list is not None else (value,)

    def settings_of(self, hidden: Hidden) -> dict[str, Any]:
        """The settings of a trial with a given network."""
        return {self.name: list(hidden) if self.parameter.list is not None else hidden[0]}

    def params_of(self, hidden: Hidden) -> dict[str, Any]:
        """The parameters of a trial with a given network, as `space.py` names them."""
        if self.parameter.list is None:
            return self.settings_of(hidden)
        return {f"{self.name}.length": len(hidden), **{f"{self.name}.{i}": units for i, units in enumerate(hidden)}}
