"""One value, two readings: as a number and as the text of a category.

The text of a category does not depend on the file format: 98002 is "98002" in a CSV file, in an integer column and
in a float column (which pandas makes of integers with gaps). Text itself is never changed. Instants, which are times
with a zone, are shown in the zone of the session.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.decimals import decimal_texts, doubles_of
from pipeline.arrays.formatted_numbers import formatted_numbers_in
from pipeline.arrays.masks import Mask, mask_of, replaced, valid_of
from pipeline.arrays.nested_texts import nested_texts
from pipeline.arrays.notation import java_texts
from pipeline.arrays.timestamp_texts import date_texts, floored, timestamp_texts
from pipeline.arrays.types import is_fractional, is_number, is_text, plain_type
from pipeline.schemas.source_contract import ColumnType
from pipeline.schemas.text_reading import PLAIN, TextReading
from pipeline.schemas.tokens import FALSE, TRUE

EXACT_INTEGER = float(1 << 53)


def is_usable(kind: pa.DataType, *, numeric: bool) -> bool:
    """Whether a column of this type can be a number (`numeric`) or a category."""
    kind = plain_type(kind)
    if is_number(kind) or pa.types.is_boolean(kind) or is_text(kind):
        return True
    return not numeric and (pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def column_type(kind: pa.DataType) -> ColumnType:
    """What a type is called in a contract; anything that is none of the others counts as text."""
    kind = plain_type(kind)
    if pa.types.is_boolean(kind):
        return "boolean"
    if is_number(kind):
        return "number" if is_fractional(kind) else "integer"
    if pa.types.is_date(kind):
        return "date"
    return "timestamp" if pa.types.is_timestamp(kind) else "text"


def plain(array: pa.Array) -> pa.Array:
    """The same values in one of the types that the functions of this package read.

    Dictionaries are decoded, texts are `string`, dates `date32`, and times `timestamp("us")`, of finer units without
    the rest; other types, such as lists, are kept.
    """
    kind = plain_type(array.type)
    if array.type == kind:
        return array
    if pa.types.is_dictionary(array.type):
        return plain(array.dictionary_decode())
    if pa.types.is_date64(array.type) or (pa.types.is_timestamp(array.type) and array.type.unit == "ns"):
        return floored(array, kind)
    return array.cast(kind)


def without_markers(text: pa.Array, markers: Sequence[str]) -> pa.Array:
    """String [n]: null where a text is one of the null markers, spaces around it aside."""
    if not markers:
        return text
    # Trimming and looking up costs four times as much, and hardly any text begins like a marker.
    candidates = np.flatnonzero(_begins_like(text, markers))
    if not len(candidates):
        return text
    trimmed = pc.ascii_trim(text.take(pa.array(candidates)), " ")
    marked = np.zeros(len(text), np.bool_)
    marked[candidates] = mask_of(pc.is_in(trimmed, value_set=pa.array(markers, pa.string())))
    return pc.if_else(pa.array(marked), pa.scalar(None, text.type), text) if marked.any() else text


def _begins_like(text: pa.Array, markers: Sequence[str]) -> Mask:
    """[n]: whether a text begins with a space, or with the first byte of a marker; or is empty, and a marker is."""
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    octets = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    if not len(octets):
        octets = np.zeros(1, np.uint8)
    wanted = np.zeros(256, np.bool_)
    wanted[[*b" ", *(marker.encode()[0] for marker in markers if marker)]] = True
    begins: Mask = wanted.take(octets.take(offsets[:-1], mode="clip"))
    is_empty = offsets[1:] == offsets[:-1]
    begins = begins | is_empty if "" in markers else begins & ~is_empty
    return begins & valid_of(text) if text.null_count else begins


def number_of(array: pa.Array, reading: TextReading = PLAIN) -> pa.Array:
    """Float64 [n]: the number in a column, or null where a text is none; true is 1 and false is 0.

    Args:
        array: [n].
        reading: how texts are read.

    Raises:
        TypeError: values of the type are no numbers, see `is_usable`.
    """
    array = plain(array)
    if pa.types.is_boolean(array.type):
        return array.cast(pa.float64())
    number = plain_number_of(array, reading)
    if not is_text(array.type) or number.null_count == array.null_count:
        return number
    for texts, value in ((TRUE, 1.0), (FALSE, 0.0)):
        number = pc.if_else(pc.is_in(array, value_set=pa.array(texts)), value, number)
    return number


def plain_number_of(array: pa.Array, reading: TextReading = PLAIN) -> pa.Array:
    """Float64 [n]: like `number_of`, but true and false are no numbers.

    Raises:
        TypeError: values of the type are no numbers, see `is_usable`.
    """
    array = plain(array)
    if is_text(array.type):
        return formatted_numbers_in(array, reading)
    if pa.types.is_decimal(array.type):
        return doubles_of(array)
    if is_number(array.type):
        return array if array.type == pa.float64() else array.cast(pa.float64(), safe=False)
    if pa.types.is_boolean(array.type):
        return pa.nulls(len(array), pa.float64())
    raise TypeError(f"{array.type} holds no numbers")


def category_of(array: pa.Array, *, zone: str = "UTC") -> pa.Array:
    """String [n]: the texts of categories; null for NaN, which a data frame cannot tell from null.

    Args:
        array: [n].
        zone: in which instants are shown.
    """
    array = plain(array)
    if not is_fractional(array.type):
        return raw_text(array, zone=zone)
    number = plain_number_of(array)
    nan = pc.is_nan(number)
    return number_text(pc.if_else(nan, pa.scalar(None, pa.float64()), number) if pc.any(nan).as_py() else number)


def is_missing(array: pa.Array) -> Mask:
    """Where `category_of` is null [n]."""
    array = plain(array)
    if pa.types.is_floating(array.type):
        missing: Mask = array.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
        return missing
    return ~valid_of(array)


def number_text(number: pa.Array) -> pa.Array:
    """String [n]: doubles as texts, without a fraction where there is none; see `java_texts` for the others."""
    values = number.to_numpy(zero_copy_only=False)
    whole = (np.floor(values) == values) & (np.abs(values) < EXACT_INTEGER)
    text = pa.array(np.where(whole, values, 0.0).astype(np.int64), mask=~valid_of(number)).cast(pa.string())
    return replaced(text, ~whole & valid_of(number), java_texts, source=number)


def raw_text(array: pa.Array, *, zone: str = "UTC") -> pa.Array:
    """String [n]: what Spark shows of values of any type; see `java_texts` for floats and doubles.

    Args:
        array: [n].
        zone: in which instants are shown.
    """
    array = plain(array)
    kind = array.type
    if is_text(kind):
        return array
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        return java_texts(array.cast(pa.float32()) if pa.types.is_float16(kind) else array)
    if pa.types.is_decimal(kind):
        return decimal_texts(array)
    if pa.types.is_date(kind):
        return date_texts(array)
    return (
        timestamp_texts(array, zone=zone)
        if pa.types.is_timestamp(kind)
        else nested_texts(array, partial(raw_text, zone=zone))
    )


def is_finite(number: pa.Array) -> pa.Array:
    """Bool [n]: whether doubles are neither NaN nor infinite; null for null."""
    return pc.is_finite(number)


def finite(number: pa.Array) -> pa.Array:
    """Float64 [n]: the numbers, null for NaN and infinities."""
    fits = is_finite(number)
    return number if pc.all(fits).as_py() else pc.if_else(fits, number, pa.scalar(None, pa.float64()))
