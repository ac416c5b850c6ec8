"""What every section of the configuration is built from."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


class Section(BaseModel):
    """A frozen, typed part of the configuration; keys that it does not know are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def has_changed(self, name: str) -> bool:
        """Whether a setting has another value than its default, which a whole configuration, written out, repeats."""
        return bool(getattr(self, name) != type(self).model_fields[name].default)


def _refuse_bool(value: Any) -> Any:
    """YAML's `yes` and `on` are booleans, and Python's booleans are numbers: neither is a number to a user."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


def _bytes(value: Any) -> Any:
    """A number of bytes, or a text such as `2 GB`; a KB is 1,024 bytes."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].upper() not in UNITS:
        raise ValueError(f"allowed are bytes as a number, or with KB, MB, GB or TB. Received: {value!r}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""A name that is safe as a folder, an experiment and a metric."""

Integer = Annotated[int, BeforeValidator(_refuse_bool)]
Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Count = Annotated[Integer, Field(ge=1)]
Size = Annotated[Count, BeforeValidator(_bytes)]
"""Bytes."""
Fraction = Annotated[Number, Field(ge=0.0, le=1.0)]
OneOrMore = BeforeValidator(_as_list)
"""Lets a single entry stand for a list of one."""
Columns = Annotated[tuple[str, ...], OneOrMore]
