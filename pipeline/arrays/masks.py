"""Rows that a quick way does not cover, and how they get their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
"""[n], without nulls."""

LINE_END = r"(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?$"
"""Where Java's `$` matches, for RE2, whose own is the end of the text alone: a line may end there."""


def mask_of(array: pa.Array) -> Mask:
    """A boolean array as a mask; null is False."""
    mask: Mask = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return mask


def valid_of(array: pa.Array) -> Mask:
    """Where an array is not null."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    mask: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return mask


def missing_of(array: pa.Array) -> Mask:
    """Where an array is null."""
    return ~valid_of(array)


def matches(text: pa.Array, pattern: str) -> Mask:
    """Where RE2 finds a pattern in a text; null is False."""
    return mask_of(pc.match_substring_regex(text, pattern))


def only(array: pa.Array, mask: Mask) -> pa.Array:
    """The array, null wherever the mask is False."""
    return pc.if_else(pa.array(mask), array, pa.scalar(None, array.type))


def by_value(array: pa.Array, function: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """A function of Python's values, called once for each distinct one; null stays null."""
    encoded = array.dictionary_encode()
    values = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return values.take(encoded.indices)


def replaced(array: pa.Array, mask: Mask, values: Callable[[pa.Array], pa.Array], *, source: pa.Array) -> pa.Array:
    """The array, where the mask is True with the values of the source's rows there.

    Args:
        array: [n].
        mask: [n].
        values: makes an array of the type of `array` from the rows of `source`; it is not called without any.
        source: [n].
    """
    if not mask.any():
        return array
    if mask.all():
        return values(source)
    where = pa.array(mask)
    return pc.replace_with_mask(array, where, values(source.filter(where)))
