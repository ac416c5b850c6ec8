"""Layouts of dates other than ISO 8601, such as `dd/MM/yyyy`, as patterns of RE2, which Arrow and TensorFlow share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

LAYOUT_HELP = "yyyy or yy (20yy), MM or M, dd or d, and perhaps HH or H, mm and ss, with other signs between them"

_FIELDS = {
    "yyyy": ("year", "[0-9]{4}"),
    "yy": ("year", "[0-9]{2}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "dd": ("day", "[0-9]{2}"),
    "d": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "ss": ("second", "[0-9]{2}"),
}
_TOKEN = re.compile("|".join(_FIELDS))
_TIMES = ((), ("hour", "minute"), ("hour", "minute", "second"))

PADDING = r"([-T:])0([0-9]{2})"
UNPADDED = r"\1\2"
"""How a zero goes that a rewritten field has too much."""


@dataclass(frozen=True)
class DateLayout:
    r"""How texts of a layout become ISO 8601: by replacing `pattern` with `rewrite`, and then `PADDING` by `UNPADDED`.

    Attributes:
        pattern: matches a whole text, spaces around it aside.
        rewrite: the ISO text, with `\1` for the first group.
    """

    pattern: str
    rewrite: str


@cache
def date_layout(text: str) -> DateLayout:
    """A layout by its name, such as `d/M/yyyy`.

    Raises:
        ValueError: there is no such layout.
    """
    pattern, names, at = "", list[str](), 0
    for token in _TOKEN.finditer(text):
        name, digits = _FIELDS[token[0]]
        pattern += f"{re.escape(text[at : token.start()])}({digits})"
        names.append(name)
        at = token.end()
    pattern += re.escape(text[at:])
    rest = tuple(name for name in ("hour", "minute", "second") if name in names)
    if len(set(names)) != len(names) or not {"year", "month", "day"} <= set(names) or rest not in _TIMES:
        raise ValueError(f"'{text}' is no layout of dates. Allowed: {LAYOUT_HELP}, such as dd/MM/yyyy")
    group = {name: f"\\{number}" for number, name in enumerate(names, 1)}
    century = "" if "yyyy" in text else "20"
    time = "T" + ":".join(f"0{group[name]}" for name in rest) if rest else ""
    return DateLayout(f"^ *{pattern} *$", f"{century}{group['year']}-0{group['month']}-0{group['day']}{time}")
