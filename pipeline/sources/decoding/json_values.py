"""Values within plain lines: whether they are valid, and their texts without escapes.

Python's parser takes less than Jackson does, except for what is checked here; what it does not take is no error yet.
"""

from __future__ import annotations

import json
import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_SCALAR = r"^(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null|NaN|[-+]?Infinity|[-+]INF)$"
_LONGEST_SCALAR = 1000
"""Bytes; Jackson takes numbers of up to so many digits. What is longer is for it to decide."""
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SURE = 900
"""Bytes; a value of so many can be neither nested too deeply for Jackson nor hold a number that is too long."""
_LONG_NUMBER = re.compile(r"[0-9.]{900}")
_DEEPEST = 900
_LONGEST = 50_000
"""Bytes; a longer value may hold a name that is too long."""


def are_scalars(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Which of some strings without null are numbers, truth values or nulls that Spark takes; shape (texts,)."""
    are_short = pc.less_equal(pc.binary_length(texts), _LONGEST_SCALAR)
    good = pc.and_(pc.match_substring_regex(texts, _SCALAR), are_short)
    return np.asarray(good.to_numpy(zero_copy_only=False))


def decode_text(escaped: str) -> str | None:
    """A text without its escapes, as Java encodes it; None if it is not in the grammar of JSON."""
    try:
        text: str = _DECODER.decode(f'"{escaped}"')
    except ValueError:
        return None
    # A surrogate that stands alone becomes a question mark.
    return text.encode("utf-8", "replace").decode()


def decode_name(escaped: str) -> str | None:
    """The same for a name, in which no surrogate may stand alone."""
    try:
        name: str = _DECODER.decode(f'"{escaped}"')
        name.encode()
    except ValueError:
        return None
    return name


def is_nested(value: str) -> bool:
    """Whether a text is an object or a list in the grammar of JSON, of which Jackson takes all."""
    if len(value) > _SURE and not _is_moderate(value):
        return False
    decoder = _DECODER if _SURROGATE.search(value) is None else _NAMES_DECODER
    try:
        decoder.decode(value)
    except (ValueError, RecursionError):
        return False
    return True


def _check_names(fields: list[tuple[str, object]]) -> None:
    for name, _ in fields:
        name.encode()


_NAMES_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_check_names)


def _is_moderate(value: str) -> bool:
    return (
        len(value) <= _LONGEST
        and value.count("[") + value.count("{") <= _DEEPEST
        and _LONG_NUMBER.search(value) is None
    )
