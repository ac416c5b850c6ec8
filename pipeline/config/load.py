"""From YAML files and overrides to one checked, frozen `RunConfig`.

The layers, later ones winning: the experiment's file, then the environment's overlay, then each `--set a.b=c`.
Mappings are merged key by key; everything else, lists included, is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.run import RunConfig
from pipeline.config.yaml_loader import parse_yaml
from pipeline.errors import ConfigError, Problem, gather, nearest
from pipeline.formatting import shortened
from pipeline.redact import HIDDEN, is_secret_name, redacted, without_secrets
from pipeline.schemas.references import AT_REST
from pipeline.schemas.section import NAME_PATTERN, Section

MAX_BYTES = 1_000_000
MOST_PROBLEMS = 200
"""Shown at once: who corrects a file wants to see them all."""
MAX_SHOWN = 200
"""Characters of an override in a message."""

_UNQUOTED = "Put it in quotes: YAML reads yes, no and on as true and false, and digits as a number"
_TYPES = {"tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping", "string_type": "a text"}
"""pydantic's names of errors, and what YAML calls the type that was wanted."""
_PATTERNS = {NAME_PATTERN: "letters from A to Z, digits, '_', '-' and '.', but not dots alone"}
"""What texts of a pattern look like."""


def load_config(
    experiment: str | Path | Mapping[str, Any], *, env: str | Path | None = None, overrides: Sequence[str] = ()
) -> RunConfig:
    """Read, merge and check a configuration.

    Args:
        experiment: its YAML file, or the content of one.
        env: an overlay, e.g. `conf/env/yarn.yaml`.
        overrides: `a.b=value` texts; values are YAML.

    Raises:
        ConfigError: naming every problem found.
    """
    content = dict(experiment) if isinstance(experiment, Mapping) else read_yaml(Path(experiment))
    if env is not None:
        content = merge(content, read_yaml(Path(env)))
    for override in overrides:
        content = _apply(content, override)
    return parse_config(content)


def parse_config(content: Mapping[str, Any], *, at_rest: bool = False) -> RunConfig:
    """Check plain content, as YAML gives it; see `load_config`.

    Args:
        content: the content.
        at_rest: whether it is that of an earlier run, whose losses, metrics and the like need not be importable.
    """
    try:
        return RunConfig.model_validate(content, context=AT_REST if at_rest else None)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_problem(detail, content) for detail in details[:MOST_PROBLEMS]]
        title = "The configuration is not valid"
        # Not chained: pydantic's message quotes the values, which may be secrets.
        raise ConfigError(gather(title, problems, MOST_PROBLEMS, total=len(details))) from None


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
    shown = f"{path}{equals}{HIDDEN if is_secret_name(path) else text}"[:MAX_SHOWN]
    if not equals or not all(keys):
        raise ConfigError(f"Override '{redacted(shown)}' cannot be read. Allowed: --set section.key=value.")
    value: Any = parse_yaml(text, f"Override '{redacted(shown)}' has a value that is")
    for key in reversed(keys):
        value = {key: value}
    return merge(content, value)


def _problem(detail: ErrorDetails, content: Mapping[str, Any]) -> Problem:
    path = _dotted(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            keys = _keys_at(RunConfig, content, detail["loc"][:-1])
            return Problem(f"Unknown key '{path}'", remedy=nearest(str(detail["loc"][-1]), keys))
        case "missing":
            return Problem(f"'{path}' is missing", remedy="Add it to the configuration")
        case "value_error":
            message = _without_secret(str(detail["ctx"]["error"]), detail)
            return Problem(f"'{path}': {message}" if path else message)
    allowed = _PATTERNS.get(detail.get("ctx", {}).get("pattern", "")) or _TYPES.get(detail["type"]) or _wanted(detail)
    has_secret = _has_secret_name(detail) or _names_secret(detail["input"])
    received = HIDDEN if has_secret else shortened(without_secrets(detail["input"]))
    is_scalar = detail["type"] == "string_type" and isinstance(detail["input"], (bool, int, float))
    return Problem(f"'{path}' has a wrong value", allowed, received, _UNQUOTED if is_scalar else "")


def _wanted(detail: ErrorDetails) -> str:
    """What pydantic says that a value should be, as part of a sentence of ours."""
    wanted = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return wanted.replace("String should have", "a text of").replace("String should match pattern", "a text like")


def _has_secret_name(detail: ErrorDetails) -> bool:
    return any(is_secret_name(str(part)) for part in detail["loc"])


def _names_secret(value: Any) -> bool:
    """Whether something within a value is called like a secret."""
    if isinstance(value, Mapping):
        return any(is_secret_name(str(key)) or _names_secret(below) for key, below in value.items())
    return isinstance(value, list) and any(map(_names_secret, value))


def _without_secret(message: str, detail: ErrorDetails) -> str:
    """A message that may quote the value."""
    value = detail["input"]
    if _has_secret_name(detail) and isinstance(value, str) and value:
        message = message.replace(value, HIDDEN)
    return redacted(message)


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
