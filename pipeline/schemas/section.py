"""What every section of the configuration is built from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic.main import IncEx

from pipeline.errors import nearest

UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


LATER = "later"
"""Marks a key, as in `Annotated[bool, LATER]`, that was added after version 0.1: at its default it is no part of an
identity, so that stores, models, checkpoints and searches of earlier versions keep their names. When the default of
such a key changes, its mark must go: what was made with the old default is another thing from then on."""

_IDENTITY = object()


class Section(BaseModel):
    """A frozen, typed part of the configuration; keys that it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def identity(self, *, include: IncEx | None = None, exclude: IncEx | None = None) -> dict[str, Any]:
        """What the names of stores and models are derived from, as JSON-like content.

        Args:
            include: keys that count; None for all.
            exclude: keys that do not, as in `model_dump`.
        """
        return self.model_dump(mode="json", include=include, exclude=exclude, context=_IDENTITY)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        content = handler(self)
        if info.context is not _IDENTITY:
            return content
        fields = type(self).model_fields
        later = [name for name in content if LATER in fields[name].metadata and not self.has_changed(name)]
        return {name: value for name, value in content.items() if name not in later}

    @classmethod
    def variant(cls, content: Any) -> type[Section]:
        """The section that checks `content`: this one, unless one of several is chosen by a key of it."""
        return cls

    def has_changed(self, name: str) -> bool:
        """Whether a setting has another value than its default, which a whole configuration, written out, repeats."""
        default = type(self).model_fields[name].get_default(call_default_factory=True, validated_data={})
        return bool(getattr(self, name) != default)


def parse_options(options: type[Section] | None, content: Mapping[str, Any], name: str) -> Section | None:
    """The settings of something that a user may add, such as a format of files or a kind of feature.

    Args:
        options: what they may be; None for nothing.
        content: as configured.
        name: of what they are for.

    Raises:
        ValueError: they are not as `options` says.
    """
    if options is None:
        if content:
            raise ValueError(f"{name} has no options. Remove options")
        return None
    try:
        return options.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(["options", *map(str, first["loc"])])
        if first["type"] == "extra_forbidden":
            remedy = nearest(str(first["loc"][-1]), [*options.model_fields])
            raise ValueError(f"{path} is unknown. {remedy}") from error
        raise ValueError(f"{path}: {first['msg']}") from error


def _refuse_bool(value: Any) -> Any:
    """YAML's `yes` and `on` are booleans, and Python's booleans are numbers: neither is a number to a user."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


def _bytes(value: Any) -> Any:
    """A number of bytes, or a text such as `2 GB`; a KB is 1,024 bytes."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if match is None or match[2].upper() not in UNITS:
        raise ValueError(f"allowed are bytes as a number, or with KB, MB, GB or TB. Received: {value!r}")
    return int(float(match[1]) * UNITS[match[2].upper()])


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


NAME_PATTERN = r"^[.]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]
"""A name that is safe as a folder, an experiment and a metric; dots alone lead to a folder or the one above."""

Integer = Annotated[int, BeforeValidator(_refuse_bool)]
Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=1)]
Size = Annotated[Count, BeforeValidator(_bytes)]
"""Bytes."""
Fraction = Annotated[Number, Field(ge=0.0, le=1.0)]
OneOrMore = BeforeValidator(_as_list)
"""Lets a single entry stand for a list of one."""
Columns = Annotated[tuple[str, ...], OneOrMore]
