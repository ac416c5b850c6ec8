"""Decimals of Arrow as doubles and as plain texts."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import by_value, mask_of, replaced, valid_of
from pipeline.arrays.zones import Integers

_EXACT_POWERS = 22
"""10 to this power is the largest that is a double."""

_EXACT_INTEGERS = 1 << 53


def doubles_of(decimal: pa.Array) -> pa.Array:
    """Float64 [n]: the doubles next to decimals; Arrow's own cast may be off by one unit in the last place.

    Args:
        decimal: decimal128 or decimal256 [n].
    """
    scale, valid = decimal.type.scale, valid_of(decimal)
    if not pa.types.is_decimal128(decimal.type) or not 0 <= scale <= _EXACT_POWERS:
        return _by_text(decimal)
    low, high = _halves(decimal)
    # Of two doubles that are exact, the quotient is the double next to the true one.
    exact = (high == low >> 63) & (np.abs(low) <= _EXACT_INTEGERS)
    number = pa.array(low / 10.0**scale, mask=~valid)
    return replaced(number, ~exact & valid, _by_text, source=decimal)


def _by_text(decimal: pa.Array) -> pa.Array:
    return decimal.cast(pa.string()).cast(pa.float64())


def _halves(decimal: pa.Array) -> tuple[Integers, Integers]:
    """Int64 [n] twice: the lower and the upper half of the unscaled integers."""
    data = decimal.buffers()[1]
    if data is None or not len(decimal):
        empty = np.zeros(len(decimal), np.int64)
        return empty, empty
    halves = np.frombuffer(data, np.int64).reshape(-1, 2)[decimal.offset : decimal.offset + len(decimal)]
    return halves[:, 0], halves[:, 1]


def decimal_texts(decimal: pa.Array) -> pa.Array:
    """String [n]: decimals with all the digits of their scale and without an exponent."""
    text = decimal.cast(pa.string())
    scientific = mask_of(pc.match_substring(text, "E"))
    return replaced(text, scientific, lambda texts: by_value(texts, _plain, pa.string()), source=text)


def _plain(text: str) -> str:
    return f"{Decimal(text):f}"
