"""The settings of a trial, suggested one after the other, so that one may depend on another.

A list is suggested as its length and its elements: `model.hidden.length`, `model.hidden.0` and so on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.config.load import merge, parse_config
from pipeline.config.run import RunConfig
from pipeline.config.search_space import ParameterConfig

Settings = Mapping[str, Any]
"""Values by the dotted names of settings."""


class Suggester(Protocol):
    """Suggests values, as a trial of a study does; each name is requested once."""

    def choice(self, name: str, options: Sequence[str]) -> str:
        """One of the options."""

    def whole(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number between two bounds, both included."""

    def number_between(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number between two bounds, both included."""


def suggest(space: Mapping[str, ParameterConfig], config: RunConfig, suggester: Suggester) -> dict[str, Any]:
    """The settings of one trial; those whose condition does not hold are left out.

    Args:
        space: the parameters, in the order in which they are suggested.
        config: has the values of settings that are not searched, for conditions.
        suggester: suggests the values.
    """
    settings: dict[str, Any] = {}
    for name, parameter in space.items():
        if all(_holds(_setting(settings, config, other), wanted) for other, wanted in parameter.when.items()):
            settings[name] = _value(name, parameter, suggester)
    return settings


def configured(config: RunConfig, settings: Settings) -> RunConfig:
    """The configuration of a trial.

    Raises:
        ConfigError: the settings contradict each other.
    """
    content = config.model_dump(mode="json")
    for name, value in settings.items():
        content = merge(content, _nested(name.split("."), value))
    return parse_config(content)


def first_settings(space: Mapping[str, ParameterConfig], config: RunConfig) -> dict[str, Any]:
    """Some settings of the space, to check it with."""
    return suggest(space, config, _Walk(()))


def grid(space: Mapping[str, ParameterConfig], config: RunConfig) -> Iterator[dict[str, Any]]:
    """All combinations of a finite space, each once: the suggested values by name."""
    path: list[int] = []
    while True:
        walk = _Walk(path)
        suggest(space, config, walk)
        yield walk.params
        path = [*walk.path]
        while path and path[-1] + 1 == walk.sizes[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


def param_of(settings: Settings, name: str) -> Any:
    """The value of a setting, or of the part of a list; None where a trial has none.

    Args:
        settings: the settings of a trial, from `suggest`.
        name: the name of a setting, or of a part: `model.hidden.length`, `model.hidden.0`.
    """
    if name in settings:
        return settings[name]
    whole, _, part = name.rpartition(".")
    elements = settings.get(whole)
    if not isinstance(elements, list):
        return None
    if part == "length":
        return len(elements)
    return elements[int(part)] if part.isdecimal() and int(part) < len(elements) else None


@dataclass
class _Walk:
    """A suggester that goes down the tree of combinations: along `given`, then always to the first branch."""

    given: Sequence[int]
    path: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def choice(self, name: str, options: Sequence[str]) -> str:
        return options[self._branch(name, options)]

    def whole(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        values = range(low, high + 1, step)
        return values[self._branch(name, values)]

    def number_between(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        count = 1 if step is None else math.floor((high - low) / step + 1e-9) + 1
        values = [low + index * (step or 0.0) for index in range(count)]
        return values[self._branch(name, values)]

    def _branch(self, name: str, values: Sequence[Any]) -> int:
        depth = len(self.path)
        branch = self.given[depth] if depth < len(self.given) else 0
        self.path.append(branch)
        self.sizes.append(len(values))
        self.params[name] = values[branch]
        return branch


def _nested(keys: Sequence[str], value: Any) -> dict[str, Any]:
    return {keys[0]: _nested(keys[1:], value) if keys[1:] else value}


def _value(name: str, parameter: ParameterConfig, suggester: Suggester) -> Any:
    if parameter.choice is not None:
        options = {json.dumps(option): option for option in parameter.choice}
        return options[suggester.choice(name, [*options])]
    if parameter.list is not None and parameter.of is not None:
        length = suggester.whole(f"{name}.length", *parameter.list, step=1, log=False)
        return [_value(f"{name}.{index}", parameter.of, suggester) for index in range(length)]
    if parameter.int is not None:
        return suggester.whole(name, *parameter.int, step=round(parameter.step or 1), log=parameter.log)
    if parameter.uniform is not None:
        return suggester.number_between(name, *parameter.uniform, step=parameter.step, log=False)
    assert parameter.loguniform is not None
    return suggester.number_between(name, *parameter.loguniform, step=None, log=True)


def _holds(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)


def _setting(settings: Settings, config: RunConfig, name: str) -> Any:
    """The value of a setting in this trial, whether searched or configured."""
    if name in settings:
        return settings[name]
    value: Any = config.model_dump(mode="json")
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
