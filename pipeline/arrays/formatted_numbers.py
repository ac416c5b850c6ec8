"""Numbers in texts with thousands, decimal commas, currency signs or percent signs: `1.163,74 €`, `37%`, `(1,018.92)`.

A group behind a thousands sign has three digits; a text that breaks this, or has another sign, is no number.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import matches, only
from pipeline.arrays.numbers import numbers_in
from pipeline.schemas.text_reading import TextReading

SPACES = "[ \u00a0\u202f]"
"""A space, and those at which a line does not break."""
_GROUP_SIGNS = {" ": SPACES, "'": "['\u2019]"}
_EXPONENT = "(?:[eE][+-]?[0-9]+)?"


def formatted_numbers_in(text: pa.Array, reading: TextReading) -> pa.Array:
    """Float64 [n]: the numbers that texts hold by a reading; null where a text holds none."""
    if reading.has_plain_numbers:
        return numbers_in(text)
    value = pc.utf8_trim_whitespace(text)
    # Accounting writes negative numbers in parentheses.
    value = pc.replace_substring_regex(value, r"^\((.*)\)$", r"-\1")
    if reading.symbol:
        value = _without_symbol(value, reading.symbol)
    group = _GROUP_SIGNS.get(reading.thousands, re.escape(reading.thousands))
    whole = f"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]*)" if reading.thousands else "[0-9]*"
    valid = matches(value, rf"^[+-]?{whole}(?:{re.escape(reading.decimal)}[0-9]*)?{_EXPONENT}$")
    value = only(value, valid)
    if reading.thousands:
        value = pc.replace_substring_regex(value, group, "")
    return numbers_in(pc.replace_substring(value, ",", ".") if reading.decimal == "," else value)


def _without_symbol(value: pa.Array, symbol: str) -> pa.Array:
    sign = re.escape(symbol)
    value = pc.replace_substring_regex(value, rf"^([+-]?){SPACES}*{sign}{SPACES}*([+-]?)", r"\1\2")
    return pc.replace_substring_regex(value, rf"{SPACES}*{sign}$", "")
