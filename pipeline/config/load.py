"""From YAML files and overrides to one checked, frozen `RunConfig`.

The layers, later ones winning: the experiment's file, then the environment's overlay, then each `--set a.b=c`.
Mappings are merged key by key; everything else, lists included, is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError, Problem, gather, nearest
from pipeline.formatting import shortened
from pipeline.schemas.section import Section

MAX_BYTES = 1_000_000
MOST_PROBLEMS = 200
"""Shown at once: who corrects a file wants to see them all."""

_TYPES = {"tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping", "string_type": "a text"}
"""pydantic's names of errors, and what YAML calls the type that was wanted."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key given twice and reads `1e-3` as a number."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    repeated = [key for key in keys if keys.count(key) > 1]
    if repeated:
        raise yaml.constructor.ConstructorError(None, None, f"key '{repeated[0]}' is given twice", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_config(path: str | Path, *, env: str | Path | None = None, overrides: Sequence[str] = ()) -> RunConfig:
    """Read, merge and check a configuration.

    Args:
        path: the experiment's YAML file.
        env: an overlay, e.g. `conf/env/yarn.yaml`.
        overrides: `a.b=value` texts; values are YAML.

    Raises:
        ConfigError: naming every problem found.
    """
    content = read_yaml(Path(path))
    if env is not None:
        content = merge(content, read_yaml(Path(env)))
    for override in overrides:
        content = _apply(content, override)
    return parse_config(content)


def parse_config(content: Mapping[str, Any]) -> RunConfig:
    """Check plain content, as YAML gives it; see `load_config`."""
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        problems = [_problem(detail, content) for detail in error.errors(include_url=False)]
        raise ConfigError(gather("The configuration is not valid", problems, MOST_PROBLEMS)) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file of at most 1 MB, read by the safe loader."""
    try:
        if not path.is_file():
            raise ConfigError(f"Configuration file '{path}' does not exist. Give --config or --env an existing file.")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"Configuration file '{path}' is too large. Allowed: {MAX_BYTES} bytes.")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"Configuration file '{path}' cannot be read: {error.strerror}. Make it readable.") from error
    content = parse_yaml(raw, f"Configuration file '{path}' is")
    if not isinstance(content, dict):
        raise ConfigError(f"Configuration file '{path}' must hold a mapping of sections, like 'name: ...'.")
    return content


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overlay` laid over it, mapping by mapping."""
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _apply(content: dict[str, Any], override: str) -> dict[str, Any]:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"Override '{override}' cannot be read. Allowed: --set section.key=value.")
    value: Any = parse_yaml(text, f"Override '{override}' has a value that is")
    for key in reversed(keys):
        value = {key: value}
    return merge(content, value)


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


def _problem(detail: ErrorDetails, content: Mapping[str, Any]) -> Problem:
    path = _dotted(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            keys = _keys_at(RunConfig, content, detail["loc"][:-1])
            return Problem(f"Unknown key '{path}'", remedy=nearest(str(detail["loc"][-1]), keys))
        case "missing":
            return Problem(f"'{path}' is missing", remedy="Add it to the configuration")
        case "value_error":
            return Problem(f"'{path}': {detail['ctx']['error']}" if path else str(detail["ctx"]["error"]))
    allowed = _TYPES.get(detail["type"]) or detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return Problem(f"'{path}' has a wrong value", allowed=allowed, received=shortened(detail["input"]))


def _dotted(loc: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _keys_at(section: type[Section], content: Any, loc: Sequence[int | str]) -> list[str]:
    """The keys of the section that `loc` leads to, as far as `content` decides which section that is."""
    parts = iter(loc)
    for part in parts:
        content = _item(content, part)
        if isinstance(part, str):
            annotation = section.model_fields[part].annotation
            sections = _sections_in(annotation)
            if not sections:
                return []
            if get_origin(annotation) is dict:
                content = _item(content, next(parts, ""))
            section = sections[0].variant(content)
    return list(section.model_fields)


def _item(content: Any, key: int | str) -> Any:
    """What stands under a key; a single entry may stand for a list of one."""
    if isinstance(content, Mapping):
        return content if isinstance(key, int) else content.get(key)
    return content[key] if isinstance(content, list) and isinstance(key, int) else None


def _sections_in(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]
