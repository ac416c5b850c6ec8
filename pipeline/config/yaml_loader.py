"""YAML, read by the safe loader, with bounds.

A text of some hundred bytes can stand for any amount of content, by aliases of aliases. So the content that a text
stands for is measured before anything is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from pipeline.errors import ConfigError

_BOOLEAN = "tag:yaml.org,2002:bool"

MAX_DEPTH = 50
"""Levels of lists and mappings within each other."""
MAX_CONTENT = 5_000_000
"""The most characters and values that a text may stand for; it has at most a million bytes."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key given twice and content out of bounds, and reads `1e-3` as a number.

    A key is never true or false, as YAML has it for `on`, `yes` and `no`: it is the text that is there.
    """

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Called for each node, within the call for the one that holds it."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            problem = f"lists and mappings are nested deeper than {MAX_DEPTH} levels"
            raise ComposerError(None, None, problem, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        """The document."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _Measure().add(node)
        return node


class _Measure:
    """How much content nodes stand for, each measured once, however many aliases it has."""

    def __init__(self) -> None:
        self._sizes: dict[int, tuple[int, int]] = {}

    def add(self, node: yaml.Node) -> tuple[int, int]:
        """Size and depth of a node.

        Raises:
            ComposerError: it is out of bounds.
        """
        if id(node) not in self._sizes:
            self._sizes[id(node)] = MAX_CONTENT + 1, 0  # until it is measured: an alias within itself has no end
            self._sizes[id(node)] = self._measured(node)
        size, depth = self._sizes[id(node)]
        if size > MAX_CONTENT or depth > MAX_DEPTH:
            problem = f"aliases make more than {MAX_CONTENT:,} characters of it, or more than {MAX_DEPTH} levels"
            raise ComposerError(None, None, problem, node.start_mark)
        return size, depth

    def _measured(self, node: yaml.Node) -> tuple[int, int]:
        if isinstance(node, yaml.ScalarNode):
            return 1 + len(node.value), 1
        within = node.value
        if isinstance(node, yaml.MappingNode):
            within = [part for entry in node.value for part in entry]
        measures = [self.add(part) for part in within]
        return 1 + sum(size for size, _ in measures), 1 + max((depth for _, depth in measures), default=0)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    for key, _ in node.value:
        if key.tag == _BOOLEAN and isinstance(key, yaml.ScalarNode):
            key.tag = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG
    keys: set[Hashable] = set()
    for key in (loader.construct_object(key) for key, _ in node.value):
        if isinstance(key, Hashable):
            if key in keys:
                raise ConstructorError(None, None, f"key '{key}' is given twice", node.start_mark)
            keys.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse_yaml(text: str | bytes, whose: str) -> Any:
    """What the safe loader makes of a text.

    Args:
        text: YAML.
        whose: what it is, for the message, up to `is`.

    Raises:
        ConfigError: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except Exception as error:  # e.g. of a date that is none: the loader lets errors of its conversions pass
        raise ConfigError(f"{whose} not valid YAML: {_one_line(error)}.") from error


def _one_line(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return position + " ".join(str(problem or error).split())
