"""Doubles in texts, by Java's grammar, which Spark reads numbers with.

Almost all texts are decimals, which Arrow reads with the same rounding. The rest of the grammar is exact and slow.
Texts of infinity and NaN count in any case of letters. Java's literals "1d" and "1f" do not count, as long as their
letter is the last one of the text, spaces aside.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import by_value, matches, only, replaced, valid_of

_DIGITS = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_HEX_DIGITS = r"0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+"
_LITERAL = "dDfF"
_DECIMAL = re.compile(rf"[+-]?{_DIGITS}[{_LITERAL}]?")
_HEXADECIMAL = re.compile(rf"[+-]?{_HEX_DIGITS}[{_LITERAL}]?")

_ORDINARY = rf"^[+-]?{_DIGITS}$"
_BLANK = r"[\x00-\x20]*"
_ANY = rf"^{_BLANK}[+-]?(?:(?:{_DIGITS}|{_HEX_DIGITS})[{_LITERAL}]?|(?i:inf|infinity|nan)){_BLANK}$"

_FEW = 100
_TRIMMED = "".join(map(chr, range(0x21)))
_INFINITIES = {f"{sign}{name}": float(f"{sign}inf") for sign in ("", "+", "-") for name in ("inf", "infinity")}
_INFINITIES_LIKE_LITERALS = frozenset({"inf", "+inf", "-inf"})
_SIGNED_NAN = frozenset({"+NaN", "-NaN"})


def numbers_in(text: pa.Array) -> pa.Array:
    """Float64 [n]: the numbers that texts hold; null where a text holds none."""
    number = _cast(text)
    if number is None:
        text = pc.ascii_trim(text, " ")
        number = _cast(text)
    if number is None:
        return _numbers_among(text)
    # Arrow takes "-nan" and "nan(1)" for NaN.
    nan = np.isnan(number.to_numpy(zero_copy_only=False)) & valid_of(number)
    return replaced(number, nan, _odd_numbers, source=text)


def _cast(text: pa.Array) -> pa.Array | None:
    """What Arrow takes texts for; None where it takes one of them for no number."""
    try:
        # Arrow words an error for each text that is none before it fails: 350 ns, so a few are tried first.
        text.slice(0, _FEW).cast(pa.float64())
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _numbers_among(text: pa.Array) -> pa.Array:
    ordinary = matches(text, _ORDINARY)
    number = pc.ascii_ltrim(only(text, ordinary), "+").cast(pa.float64())
    return replaced(number, ~ordinary & valid_of(text), _odd_numbers, source=text)


def _odd_numbers(text: pa.Array) -> pa.Array:
    return by_value(only(text, matches(text, _ANY)), _number_in, pa.float64())


def _number_in(text: str) -> float | None:
    plain = text.strip(" ")
    if plain.endswith(tuple(_LITERAL)) and plain.lower() not in _INFINITIES_LIKE_LITERALS:
        return None
    value = plain.strip(_TRIMMED)
    if value.lower() in _INFINITIES:
        return _INFINITIES[value.lower()]
    if value.lower() == "nan" or value in _SIGNED_NAN:
        return float("nan")
    if _DECIMAL.fullmatch(value):
        return float(value.rstrip(_LITERAL))
    return _from_hexadecimal(value.rstrip(_LITERAL)) if _HEXADECIMAL.fullmatch(value) else None


def _from_hexadecimal(value: str) -> float:
    try:
        return float.fromhex(value)
    except OverflowError:
        return float("-inf" if value.startswith("-") else "inf")
