"""What a search may try: the values of each setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.schemas.section import Count, Integer, Number, Section

KINDS = ("choice", "uniform", "loguniform", "int", "list")
UNSEARCHABLE = ("crossval", "name", "storage", "track", "spark", "search", "evaluate", "drift")
"""Sections that all trials share."""
HIDDEN = "model.hidden"


class ParameterConfig(Section):
    """The values that a search may give one setting; exactly one of the first five.

    Attributes:
        choice: one of these values; each may be a number, a text, true or false, null, or a list.
        uniform: a number between two bounds, both included.
        loguniform: a number between two bounds above 0, whose logarithm is uniform.
        int: a whole number between two bounds, both included.
        list: a list whose length is between two bounds, both included, and whose elements are `of`; for layers, say.
        of: the values of a list's elements.
        step: the distance of neighbouring values of `uniform` and `int`.
        log: whether the logarithm of an `int` is uniform.
        when: values of other settings that this one depends on; where they have none of these values, it is not tried
            and stays as the configuration says. They stand before this one, or are not searched.
    """

    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    uniform: tuple[Number, Number] | None = None
    loguniform: tuple[Number, Number] | None = None
    int: tuple[Integer, Integer] | None = None
    list: tuple[Count, Count] | None = None
    of: ParameterConfig | None = None
    step: Annotated[Number, Field(gt=0.0)] | None = None
    log: bool = False
    when: dict[str, Any] = Field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which of `KINDS` is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _fits(self) -> ParameterConfig:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)} is needed. Received: {', '.join(given) or 'none'}")
        (kind,) = given
        if (self.of is not None) != (kind == "list"):
            raise ValueError("'of' goes with 'list': it says what the elements may be")
        if self.of is not None and (self.of.kind == "list" or self.of.when):
            raise ValueError("'of' takes a plain parameter, without 'list' and 'when'")
        if self.step is not None and kind not in ("uniform", "int"):
            raise ValueError(f"'step' goes with uniform and int, not with {kind}")
        if self.step is not None and kind == "int" and (self.log or self.step != round(self.step)):
            raise ValueError("the 'step' of an int is a whole number, and does not go with 'log'")
        if self.log and kind != "int":
            raise ValueError("'log' goes with int; for other numbers there is loguniform")
        return self

    @model_validator(mode="after")
    def _bounds_ascend(self) -> ParameterConfig:
        bounds = getattr(self, self.kind)
        if self.kind == "choice":
            return self
        low, high = bounds
        if low > high:
            raise ValueError(f"the lower bound {low:g} is above the upper one, {high:g}")
        if low <= 0 and (self.kind == "loguniform" or self.log):
            raise ValueError(f"a logarithm needs bounds above 0. Received: {low:g}")
        return self


def space_problems(space: Mapping[str, ParameterConfig], sampler: str) -> list[str]:
    """What is wrong with a space that a sampler searches; empty where all is well.

    Args:
        space: values by the dotted name of a setting.
        sampler: see `SearchConfig`.
    """
    problems = [problem for index, name in enumerate(space) for problem in _problems(space, index, name, sampler)]
    if sampler == "capacity" and space and not _is_of_networks(space):
        problems.append(
            f"sampler capacity searches {HIDDEN} alone, such as {{list: [1, 4], of: {{int: [8, 512]}}}}. Received: "
            f"{', '.join(space)}"
        )
    return problems


def _problems(space: Mapping[str, ParameterConfig], index: int, name: str, sampler: str) -> Iterator[str]:
    parameter, earlier = space[name], [*space][:index]
    if name.partition(".")[0] in UNSEARCHABLE:
        yield f"space.{name}: all trials share this section; it cannot be searched"
    if late := [other for other in parameter.when if other in space and other not in earlier]:
        yield f"space.{name}: 'when' names {', '.join(late)}, which must stand before it"
    if sampler == "grid" and not _is_finite(parameter):
        yield f"space.{name}: a grid needs choice, int, or uniform with a step"


def _is_of_networks(space: Mapping[str, ParameterConfig]) -> bool:
    if [*space] != [HIDDEN]:
        return False
    parameter = space[HIDDEN]
    return parameter.of is not None and parameter.of.kind == "int" and not parameter.when


def _is_finite(parameter: ParameterConfig) -> bool:
    if parameter.of is not None:
        return _is_finite(parameter.of)
    return parameter.kind in ("choice", "int") or (parameter.kind == "uniform" and parameter.step is not None)
